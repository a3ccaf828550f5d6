"""What a person is told about a model's licence before they acknowledge it, and when they are asked again."""

import contextlib
from pathlib import Path

import pytest

from inference.registry.errors import OtherLicenceError
from inference.registry.licence import build_terms, describe, find_display, require_licence
from inference.registry.load import load_catalogue


def find_llama_hub_id() -> str:
    return next(
        variant.hub_id for entry in load_catalogue().models if entry.licence == "llama3.1" for variant in entry.variants
    )


def test_licence_of_a_known_model_is_the_catalogues_in_plain_words() -> None:
    terms = build_terms(load_catalogue(), hub_id=find_llama_hub_id().upper(), card=None, folder=None)
    assert (terms.id, terms.origin) == ("llama3.1", "catalogue")
    said = describe(terms, "the model")
    assert said.startswith("the model is under Llama 3.1 Community License Agreement (https://")
    assert "Built with Llama" in said
    assert said.count("\n  - ") == len(load_catalogue().licences["llama3.1"].obligations)


def test_card_that_contradicts_the_catalogue_is_said() -> None:
    terms = build_terms(load_catalogue(), hub_id=find_llama_hub_id(), card="mit", folder=None)
    assert "Its own card names another licence: mit." in describe(terms, "m")


def test_model_that_is_not_in_the_catalogue_has_the_licence_of_its_card() -> None:
    known = build_terms(load_catalogue(), hub_id=None, card="apache-2.0", folder=None)
    assert (known.name, known.origin) == ("Apache License 2.0", "card")
    assert "says its own card" in describe(known, "m")
    strange = build_terms(load_catalogue(), hub_id="a/b", card="house-licence", folder=None)
    assert "What it asks for is not in the catalogue" in describe(strange, "m")


def test_model_that_nobody_described_has_an_unknown_licence() -> None:
    terms = build_terms(load_catalogue(), hub_id=None, card=None, folder=None)
    assert (terms.id, terms.origin) == ("unknown", "nobody")
    assert "Nobody wrote down which licence m has" in describe(terms, "m")


def test_words_and_files_make_the_text_and_other_files_do_not(tmp_path: Path) -> None:
    def text_id(card: str = "apache-2.0") -> str:
        return build_terms(load_catalogue(), hub_id=None, card=card, folder=tmp_path).text_id

    bare = text_id()
    (tmp_path / "config.json").write_text("{}")
    assert text_id() == bare
    (tmp_path / "LICENSE.txt").write_text("one")
    one = text_id()
    (tmp_path / "LICENSE.txt").write_text("two")
    assert len({bare, one, text_id(), text_id("mit")}) == 4
    terms = build_terms(load_catalogue(), hub_id=None, card=None, folder=tmp_path)
    assert f"Its text: {tmp_path}/LICENSE.txt" in describe(terms, "m")


@pytest.mark.parametrize("hub_id", [None, "nobody/nothing"])
def test_unknown_hub_id_is_no_error(hub_id: str | None) -> None:
    assert build_terms(load_catalogue(), hub_id=hub_id, card=None, folder=None).id == "unknown"


@pytest.mark.parametrize(
    ("folder", "card", "acknowledged", "fits"),
    [
        ("ours", "llama3.3", "llama3.3", True),
        ("ours", "llama3.3", "apache-2.0", False),
        ("ours", None, "apache-2.0", True),  # nobody wrote it down, so the person's word is all there is
        ("Llama-3.3-70B-Instruct-quantized.w4a16", None, "apache-2.0", False),
        ("Llama-3.3-70B-Instruct-quantized.w4a16", "mit", "mit", False),
        ("Llama-3.3-70B-Instruct-quantized.w4a16", "llama3.3", "llama3.3", True),
    ],
)
def test_engine_is_refused_a_model_of_another_licence(
    tmp_path: Path, folder: str, card: str | None, acknowledged: str, fits: bool
) -> None:
    """The name of its folder is enough to know it by."""
    with (
        contextlib.nullcontext() if fits else pytest.raises(OtherLicenceError, match=f"acknowledged is {acknowledged}")
    ):
        require_licence(load_catalogue(), tmp_path / folder, acknowledged=acknowledged, card=card)


@pytest.mark.parametrize(
    ("hub_id", "card", "folder", "shown"),
    [
        (None, "llama3.2", None, "Built with Llama"),
        (None, "mit", Path("/srv/Llama-3.3-70B-Instruct-quantized.w4a16"), "Built with Llama"),
        (find_llama_hub_id(), None, None, "Built with Llama"),
        (None, "apache-2.0", Path("/srv/ours"), ""),
        (None, None, None, ""),
    ],
)
def test_what_has_to_be_shown_is_known_from_any_one_of_them(
    hub_id: str | None, card: str | None, folder: Path | None, shown: str
) -> None:
    assert find_display(load_catalogue(), hub_id=hub_id, card=card, folder=folder) == shown
