"""Acknowledged licences are kept by model revision and wording, and reach the audit sooner or later, once."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.local import acknowledgements, model_choice
from appliance.local.acknowledgements import NameMissingError, build_acknowledgement
from appliance.local.errors import LocalError
from appliance.settings import Settings
from inference.registry.licence import build_terms
from inference.registry.load import load_catalogue

TERMS = build_terms(load_catalogue(), hub_id=None, card="apache-2.0", folder=None)


class Recorder:
    """In place of the web application's management commands."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails, self.documents = fails, list[dict[str, object]]()

    def run(self, verb: str, document: str) -> str:
        assert verb == "record_acknowledgement"
        if self.fails:
            raise LocalError("the database is away")
        self.documents.append(json.loads(document))
        return "{}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "model").mkdir()
    return Settings(data_dir=tmp_path)


def test_acknowledgement_is_of_one_revision_and_one_wording(settings: Settings) -> None:
    acknowledgements.keep(settings, build_acknowledgement("a/b@main", TERMS, name="Test  Person"))
    found = acknowledgements.find(settings, "a/b@main", TERMS)
    assert found is not None
    assert (found.name, found.licence, found.recorded) == ("Test Person", "apache-2.0", False)
    assert acknowledgements.find(settings, "a/b@v2", TERMS) is None
    assert acknowledgements.find(settings, "a/b@main", replace(TERMS, text_id="other")) is None


@pytest.mark.parametrize("name", ["", " ", "x", "1234", "a\x00b", "a\x1b[31mb", "n" * 101])
def test_name_that_is_nobodys_is_refused(name: str) -> None:
    with pytest.raises(NameMissingError, match="--as"):
        build_acknowledgement("m", TERMS, name=name)


def test_what_the_audit_does_not_have_is_recorded_once_and_nothing_is_lost(settings: Settings) -> None:
    for name in ("Test Person", "Other Person"):
        acknowledgements.keep(settings, build_acknowledgement("m", TERMS, name=name))
    with pytest.raises(LocalError):
        acknowledgements.record_pending(settings, Recorder(fails=True))  # type: ignore[arg-type]
    assert len(acknowledgements.list_pending(settings)) == 2
    recorder = Recorder()
    assert acknowledgements.record_pending(settings, recorder) == 2  # type: ignore[arg-type]
    assert acknowledgements.record_pending(settings, recorder) == 0  # type: ignore[arg-type]
    assert [document["name"] for document in recorder.documents] == ["Test Person", "Other Person"]
    assert all(document["schema_version"] == 1 and "recorded" not in document for document in recorder.documents)


def test_link_beside_what_is_kept_is_not_written_through(settings: Settings) -> None:
    """The folder is the engine's user's, and who acknowledges or activates may be root."""
    victim = settings.data_dir / "victim"
    victim.write_text("as it was")
    for file in (acknowledgements.find_file(settings), model_choice.activation_file(settings)):
        file.with_suffix(".draft").symlink_to(victim)
    acknowledgements.keep(settings, build_acknowledgement("m", TERMS, name="Test Person"))
    model_choice.write_activation(settings, model_choice.Activation(hub_id="a/b"))
    assert victim.read_text() == "as it was"
    assert acknowledgements.find(settings, "m", TERMS) is not None
    assert model_choice.read_activation(settings) == model_choice.Activation(hub_id="a/b")


def test_removed_model_is_asked_about_again_but_not_before_the_audit_has_it(settings: Settings) -> None:
    acknowledgements.keep(settings, build_acknowledgement("m", TERMS, name="Test Person"))
    acknowledgements.forget(settings, "m")
    assert acknowledgements.find(settings, "m", TERMS) is not None
    acknowledgements.record_pending(settings, Recorder())  # type: ignore[arg-type]
    acknowledgements.forget(settings, "m")
    assert acknowledgements.find(settings, "m", TERMS) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 2}', '{"schema_version": 1, "acknowledged": [{}]}'])
def test_file_that_cannot_be_read_is_nobodys_consent(settings: Settings, text: str) -> None:
    acknowledgements.find_file(settings).write_text(text)
    with pytest.raises(LocalError, match=r"licences\.json cannot be read"):
        acknowledgements.find(settings, "m", TERMS)
