"""Models of one's own in ``appliance.yaml``: the same fields, the same refusals, nothing shipped replaced."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from appliance.settings import load
from inference.registry.errors import OwnCatalogueError
from inference.registry.load import SOURCE, load_catalogue
from inference.registry.own import load_own_catalogue, merge_catalogue

SHIPPED: dict[str, Any] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
FILE = Path("appliance.yaml")


def own(**changes: Any) -> dict[str, Any]:
    """A model of one's own like Qwen3-8B, with changes."""
    model = copy.deepcopy(next(each for each in SHIPPED["models"] if each["id"] == "qwen3-8b"))
    model.update({"id": "our-model", "name": "Our model", "card": False, **changes})
    return {"models": [model], "sources": {}, "licences": {}}


def test_own_model_stands_beside_the_shipped_ones() -> None:
    merged = merge_catalogue(own(), path=FILE)
    assert [entry.id for entry in merged.models] == [*(each.id for each in load_catalogue().models), "our-model"]


def test_own_model_may_bring_its_sources_and_its_licence() -> None:
    given = own(licence="ours", licence_source="contract")
    given["sources"] = {"contract": {"title": "Our contract", "address": None}}
    given["licences"] = {
        "ours": {
            "name": "Ours", "link": "https://example.com", "obligations": [{"text": "Ask.", "source": "contract"}],
        }
    }  # fmt: skip
    assert merge_catalogue(given, path=FILE).get_entry("our-model").licence == "ours"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"speed": 1}, r"catalogue\.models\[our-model\]\.speed: Extra inputs"),
        ({"family": "gpt"}, r"catalogue\.models\[our-model\]: .*the family 'gpt' is not served here"),
        ({"licence": "mine"}, r"their licence is not under licences: our-model"),
        ({"licence_source": "hearsay"}, r"not under sources: our-model cites 'hearsay'"),
        ({"upstream": "-x/y"}, r"\[our-model\]\.upstream: .*'-x/y' is no hub id, which is written owner/name"),
        ({"id": "qwen3-8b"}, r"named twice: qwen3-8b"),
        ({"architecture": {}}, r"catalogue\.models\[our-model\]\.architecture\.layers: Field required"),
    ],
)
def test_own_model_that_is_described_wrongly_is_refused_with_the_path(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(OwnCatalogueError, match=words) as refused:
        merge_catalogue(own(**changes), path=FILE)
    assert str(refused.value).startswith("appliance.yaml describes a model wrongly: ")


@pytest.mark.parametrize(("kind", "key"), [("sources", "qwen3-readme"), ("licences", "apache-2.0")])
def test_what_is_shipped_cannot_be_replaced(kind: str, key: str) -> None:
    given = own()
    given[kind] = {key: {"title": "Mine", "address": None}}
    with pytest.raises(OwnCatalogueError, match=rf"catalogue\.{kind}\.{key} is the name of something"):
        merge_catalogue(given, path=FILE)


def test_settings_carry_own_models_to_the_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "appliance.yaml"
    file.write_text(yaml.safe_dump({"catalogue": {"models": own()["models"]}}), encoding="utf-8")
    assert load_own_catalogue(load(file)).get_entry("our-model").name == "Our model"


def test_settings_without_own_models_give_the_shipped_catalogue(tmp_path: Path) -> None:
    assert load_own_catalogue(load(tmp_path / "absent.yaml")) is load_catalogue()
