"""Which parsers a directory is served with: by what is said, where it came from, and its family."""

import json
from pathlib import Path

import pytest

from inference.registry.choice import ModelWish
from inference.registry.fetched import resolve_model
from inference.registry.load import load_catalogue
from inference.registry.options import Options
from inference.registry.origin import find_hub_id
from inference.registry.parsers import ParserUnknownError, find_entry, load_known
from inference.registry.store import write_imported
from tests.unit.inference.test_choice import OFFLINE
from tests.unit.inference.test_fetched import put_model

CODER = "Qwen/Qwen3-Coder-30B-A3B-Instruct"


def parsers(folder: Path, options: Options = Options()) -> tuple[str | None, str | None]:  # noqa: B008 - frozen
    spec = resolve_model(ModelWish(path=folder, options=options), OFFLINE, models_dir=folder.parent).spec
    assert spec is not None
    return spec.tool_parser, spec.reasoning_parser


def put_coder(models: Path, *, hub_id: str = CODER) -> Path:
    folder = put_model(models, name="coder@1")
    (folder / "tokenizer.json").write_text('{"added_tokens": ["<tool_call>", "</think>"]}')
    (folder / "fetched.json").write_text(
        json.dumps({"schema_version": 1, "hub_id": hub_id, "revision": "main", "commit": "c0ffee"})
    )
    return folder


def test_directory_of_a_model_in_the_catalogue_takes_the_catalogues_parsers(tmp_path: Path) -> None:
    assert parsers(put_coder(tmp_path)) == ("qwen3_coder", None)


def test_other_weights_of_the_model_are_the_model(tmp_path: Path) -> None:
    assert parsers(put_coder(tmp_path, hub_id=f"{CODER}-FP8")) == ("qwen3_coder", None)


def test_quantised_directory_takes_those_of_the_model_it_was_made_from(tmp_path: Path) -> None:
    folder = put_coder(tmp_path)
    (folder / "fetched.json").unlink()
    (folder / "quantized.json").write_text(json.dumps({"schema_version": 1, "parent": {"hub_id": CODER}}))
    assert find_hub_id(folder) is None  # nobody says that it was made here
    write_imported(folder, name="coder", revision="1", kind="quantized")
    assert find_hub_id(folder) == CODER
    assert parsers(folder) == ("qwen3_coder", None)


@pytest.mark.parametrize("text", ["[]", "{}", '{"parent": 3}', '{"parent": {"hub_id": 3}}'])
def test_directory_whose_origin_is_not_said_takes_its_familys(tmp_path: Path, text: str) -> None:
    folder = put_coder(tmp_path)
    (folder / "fetched.json").unlink()
    (folder / "quantized.json").write_text(text)
    write_imported(folder, name="coder", revision="1", kind="quantized")
    assert parsers(folder) == ("qwen3_json", "qwen3")


def test_directory_from_elsewhere_takes_its_familys(tmp_path: Path) -> None:
    assert parsers(put_coder(tmp_path, hub_id="somebody/else")) == ("qwen3_json", "qwen3")


def test_tokenizer_has_its_say_where_the_model_needs_what_its_family_does(tmp_path: Path) -> None:
    folder = put_coder(tmp_path, hub_id="Qwen/Qwen3-8B")
    (folder / "tokenizer.json").write_text("{}")
    assert parsers(folder) == (None, None)


def test_what_appliance_yaml_says_goes_before_everything(tmp_path: Path) -> None:
    folder = put_coder(tmp_path)
    assert parsers(folder, Options(tool_parser="hermes", reasoning_parser="qwen3")) == ("hermes", "qwen3")
    assert parsers(folder, Options(tool_parser="none", reasoning_parser="none")) == (None, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(tool_parser="qwen_coder"), "model.tool_parser: vLLM has no parser 'qwen_coder'.*qwen3_coder"),
        (Options(reasoning_parser="hermes"), "model.reasoning_parser: vLLM has no parser 'hermes'.*qwen3"),
    ],
)
def test_parser_that_vllm_does_not_have_is_refused_with_those_it_has(
    tmp_path: Path, options: Options, words: str
) -> None:
    with pytest.raises(ParserUnknownError, match=words):
        parsers(put_coder(tmp_path), options)


def test_every_parser_of_the_catalogue_is_one_that_vllm_has() -> None:
    entries, known = load_catalogue().models, load_known()
    assert {entry.tool_parser for entry in entries} - {None} <= set(known.tools)
    assert {entry.reasoning_parser for entry in entries} - {None} <= set(known.reasoning)


def test_entry_is_found_by_any_of_its_names() -> None:
    entries = load_catalogue().models
    found = find_entry(CODER.lower(), entries)
    assert found is not None
    assert found.tool_parser == "qwen3_coder"
    assert find_entry(None, entries) is None
