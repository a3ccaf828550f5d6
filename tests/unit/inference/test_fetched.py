import json
from dataclasses import replace
from pathlib import Path

import pytest

from inference.registry.choice import ModelWish
from inference.registry.errors import CheckpointMissingError, NotFetchedError
from inference.registry.fetched import build_folder, list_fetched, require_fetched, resolve_model, write_marker
from inference.registry.refusals import MarkerMissingError
from inference.registry.spec import ModelSpec
from tests.unit.inference.test_checkpoint import write_safetensors
from tests.unit.inference.test_choice import LAPTOP, OFFLINE

SPEC = ModelSpec(name="m", source="hub", device="cpu", hub_id="Qwen/Qwen3-0.6B", revision="main")

NULLS = '{"hub_id": "Qwen/Qwen3-0.6B", "revision": null, "commit": null}'


def put_model(models: Path, *, name: str | None = None) -> Path:
    folder = models / name if name else build_folder(models, hub_id="Qwen/Qwen3-0.6B", revision="main")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"architectures": ["Qwen3ForCausalLM"]}))
    write_safetensors(folder / "model.safetensors")
    (folder / "tokenizer.json").write_text('{"added_tokens": ["<tool_call>"]}')
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    write_marker(folder, hub_id="Qwen/Qwen3-0.6B", revision="main", commit="c0ffee")
    return folder


def test_model_on_disk_is_found_with_its_commit(tmp_path: Path) -> None:
    folder = put_model(tmp_path)
    assert [(found.reference, found.commit) for found in list_fetched(tmp_path)] == [("Qwen/Qwen3-0.6B@main", "c0ffee")]
    spec = require_fetched(SPEC, models_dir=tmp_path)
    assert (spec.path, spec.family, spec.tool_parser) == (folder, "qwen3", "qwen3_json")


def test_half_fetched_model_does_not_count(tmp_path: Path) -> None:
    put_model(tmp_path, name=".Qwen--Qwen3-0.6B@main")
    assert list_fetched(tmp_path) == []
    with pytest.raises(NotFetchedError, match=r"Qwen3-0\.6B at main"):
        require_fetched(SPEC, models_dir=tmp_path)


@pytest.mark.parametrize("marker", ["", "[]", "{}", NULLS, NULLS.replace("null", "1")])
def test_model_whose_marker_is_damaged_is_refused_as_damaged_not_as_absent(tmp_path: Path, marker: str) -> None:
    folder = put_model(tmp_path)
    (folder / "fetched.json").write_text(marker)
    assert list_fetched(tmp_path) == []
    refusal = rf"{folder.name}.*lost or damaged.*models remove {folder.name}"
    with pytest.raises(MarkerMissingError, match=refusal):
        require_fetched(SPEC, models_dir=tmp_path)
    for revision in (None, "main"):
        wish = ModelWish(hub_id="Qwen/Qwen3-0.6B", revision=revision)
        with pytest.raises(MarkerMissingError, match=refusal):
            resolve_model(wish, OFFLINE, models_dir=tmp_path)


def test_other_revision_does_not_count(tmp_path: Path) -> None:
    put_model(tmp_path)
    with pytest.raises(NotFetchedError):
        require_fetched(replace(SPEC, revision="v2"), models_dir=tmp_path)


def test_resolving_gives_the_path_of_a_model_that_is_here_and_none_otherwise(tmp_path: Path) -> None:
    before = resolve_model(ModelWish(), LAPTOP, models_dir=tmp_path).spec
    folder = put_model(tmp_path)
    after = resolve_model(ModelWish(), OFFLINE, models_dir=tmp_path).spec
    assert before is not None
    assert before.path is None
    assert after is not None
    assert after.path == folder


def test_resolving_inspects_a_named_directory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissingError):
        resolve_model(ModelWish(path=tmp_path / "absent"), LAPTOP, models_dir=tmp_path)
    spec = resolve_model(ModelWish(path=put_model(tmp_path, name="mine")), LAPTOP, models_dir=tmp_path).spec
    assert spec is not None
    assert (spec.source, spec.served_name) == ("directory", "mine")
