"""The data-flow pages are what the topology says, and change with it."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from appliance.rendering import documents
from appliance.rendering.diagram import LETTERS, draw
from appliance.rendering.reference import reference_settings
from appliance.settings import Settings
from appliance.topology import build_topology
from tests.unit.topology.layouts import hosts

SVG = "{http://www.w3.org/2000/svg}"


def test_pages_are_what_would_be_written() -> None:
    stale = [path.name for path, text in documents.build_documents().items() if path.read_text() != text]
    assert stale == [], "run `make generate`"


def test_changed_port_makes_the_page_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(layout: str) -> Settings:
        settings = reference_settings(layout)
        return settings.model_copy(update={"engine_proxy": settings.engine_proxy.model_copy(update={"port": 9443})})

    before = documents.build_documents()
    monkeypatch.setattr(documents, "reference_settings", moved)
    after = documents.build_documents()
    page = Path(documents.FOLDER / "data-flow.md")
    assert "tcp 8443" in before[page]
    assert "tcp 9443" in after[page]
    assert "tcp 8443" not in after[page]
    picture = documents.FOLDER / "data-flow.svg"
    assert "gpu · 8443" in before[picture]
    assert "gpu · 9443" in after[picture]


@pytest.mark.parametrize("layout", ["embedded", "hosts", "kubernetes"])
def test_picture_shows_every_component_and_flow(layout: str) -> None:
    topology = build_topology(reference_settings(layout))
    picture = ET.fromstring(draw(topology, title="A title & more"))  # noqa: S314 - our own text
    texts = {text.text for text in picture.iter(f"{SVG}text")}
    assert {component.name for component in topology.components} <= texts
    said = [title.text or "" for title in picture.iter(f"{SVG}title")]
    for flow in topology.flows:
        assert any(line.startswith(f"{flow.source} to {flow.target}:") for line in said)


def test_picture_marks_what_leaves() -> None:
    assert 'class="flow leaves"' not in draw(build_topology(hosts()), title="")
    allowed = draw(build_topology(hosts(egress={"allow": ["hooks.example.com:443"]})), title="")
    assert 'class="flow leaves"' in allowed
    assert "Thick arrows leave the site." in allowed


def test_every_kind_of_data_has_a_letter_of_its_own() -> None:
    names = {each.name for layout in ("embedded", "hosts", "kubernetes")
             for each in build_topology(reference_settings(layout)).data_classes}  # fmt: skip
    assert names == LETTERS.keys()
    assert len(set(LETTERS.values())) == len(LETTERS)
