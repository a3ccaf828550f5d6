"""From finished pieces to a model of the store: what is passed on, what is not, and what a kill in between leaves."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from inference.quantization.publishing import publish_model
from inference.quantization.recipes import RECIPES
from inference.quantization.record import Calibrated, Parent, build_record, find_parent, read_record
from inference.registry.errors import CheckpointError
from inference.registry.importing import SpaceMissingError
from inference.registry.refusals import LinkInCheckpointError, MarkerMissingError
from inference.registry.store import StoreBusyError, Stored, list_stored, only_one_change
from inference.registry.verification import verify
from tests.unit.inference.quantization.parents import write_parent

PARENT = Parent("small@0123", "0123", "ab" * 32, None)
RECORD = build_record(RECIPES["fp8"], PARENT, tools={"llmcompressor": "1"}, calibrated=None)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Weights and a configuration, as the program leaves them."""
    made = write_parent(tmp_path / "models" / ".quantizing-small-fp8" / "output")
    for file in made.iterdir():
        if file.name not in ("config.json", "model.safetensors"):
            file.unlink()
    return made


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    folder = write_parent(tmp_path / "small")
    for name in ("model.sig", "MANIFEST", "imported.json", "quantized.json", "model.safetensors.index.json"):
        (folder / name).write_text("{}")
    (folder / "LICENSE").write_text("The words.")
    (folder / "original").mkdir()
    (folder / "original" / "params.json").write_text("{}")
    return folder


def publish(output: Path, parent: Path) -> Stored:
    return publish_model(
        output, parent=parent, name="small-fp8", record=RECORD, models_dir=output.parents[1], see=lambda _bytes: None
    )


def test_result_is_a_verified_model_with_everything_of_its_parent_but_weights_and_statements(
    output: Path, parent: Path
) -> None:
    models_dir = output.parents[1]
    stored = publish(output, parent)
    assert list_stored(models_dir) == [stored]
    assert (stored.name, stored.folder.name) == ("small-fp8", f"small-fp8@{stored.revision}")
    checked = verify(stored.folder, models_dir=models_dir)
    assert checked.read_bytes == 0  # the sums were recorded
    names = {path.relative_to(stored.folder).as_posix() for path in stored.folder.rglob("*") if path.is_file()}
    assert names == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md", "LICENSE",
        "original/params.json", "quantized.json", "imported.json", "MANIFEST",
    }  # fmt: skip
    assert json.loads((stored.folder / "imported.json").read_text())["kind"] == "quantized"
    assert find_parent(stored.folder) == PARENT


def test_files_are_those_of_whoever_published_them(output: Path, parent: Path) -> None:
    if os.geteuid() == 0:  # only root can have them made by somebody else
        os.chown(output, 12345, 12345)
        os.chown(output / "model.safetensors", 12345, 12345)
    folder = publish(output, parent).folder
    assert {path.stat().st_uid for path in (folder, *folder.rglob("*"))} == {os.geteuid()}


@pytest.mark.parametrize("name", ["LICENSE", "quantized.json", "imported.json", "original"])
def test_link_among_the_results_is_refused_and_not_written_through(output: Path, parent: Path, name: str) -> None:
    victim = output.parents[2] / "victim"
    victim.mkdir()
    (victim / "params.json").write_text("as it was")
    (output / name).symlink_to(victim if name == "original" else victim / "params.json")
    with pytest.raises(LinkInCheckpointError):
        publish(output, parent)
    assert {file.name: file.read_text() for file in victim.iterdir()} == {"params.json": "as it was"}
    assert list_stored(output.parents[1]) == []


def test_folder_without_a_marker_in_its_place_is_named_and_the_result_is_kept(output: Path, parent: Path) -> None:
    shutil.copytree(output, output.with_name("again"))
    stored = publish(output, parent)
    (stored.folder / "imported.json").unlink()
    output.with_name("again").rename(output)
    with pytest.raises(MarkerMissingError, match=f"models remove {stored.folder.name}"):
        publish(output, parent)
    assert (output / "model.safetensors").is_file()


def test_full_disk_is_told_and_what_is_finished_is_kept(
    output: Path, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("inference.quantization.publishing.shutil.copyfileobj", refuse)
        with pytest.raises(SpaceMissingError, match=r"is full\. What is finished is kept"):
            publish(output, parent)
    assert publish(output, parent).name == "small-fp8"


def test_error_names_the_folder_and_not_the_descriptor_that_it_was_reached_by(output: Path, parent: Path) -> None:
    (parent / "tokenizer.json").unlink()
    descriptor = os.open(output.parent, os.O_RDONLY)
    try:
        with pytest.raises(CheckpointError, match=f"^{output}"):
            publish_model(
                Path(f"/proc/self/fd/{descriptor}/output"), parent=parent, name="small-fp8", record=RECORD,
                models_dir=output.parents[1], see=lambda _bytes: None,
            )  # fmt: skip
    finally:
        os.close(descriptor)


def test_publishing_again_after_a_kill_gives_the_same_model(output: Path, parent: Path) -> None:
    (output / "MANIFEST").write_text("of a run that was cut off")
    (output / "imported.json").write_text("{}")
    first = publish(output, parent)
    first.folder.rename(output)
    assert publish(output, parent).revision == first.revision


def test_result_that_would_not_be_served_is_not_published_and_stays(output: Path, parent: Path) -> None:
    (parent / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="there is no tokenizer"):
        publish(output, parent)
    assert list_stored(output.parents[1]) == []
    assert (output / "model.safetensors").exists()


def test_store_that_is_being_changed_is_waited_for_by_the_operator(output: Path, parent: Path) -> None:
    with only_one_change(output.parents[1]), pytest.raises(StoreBusyError):
        publish(output, parent)
    assert publish(output, parent).name == "small-fp8"


def test_record_names_algorithm_and_texts(tmp_path: Path) -> None:
    assert RECORD["recipe"]["modifier"] == "round-to-nearest"
    calibrated = build_record(
        RECIPES["w8a8-int8"],
        PARENT,
        tools={},
        calibrated=Calibrated("ff", samples=8, tokens=100, max_tokens=16, seed=1),
    )
    assert calibrated == {
        "schema_version": 1,
        "recipe": {
            "name": "w8a8-int8", "format": "w8a8-int8", "group_size": None, "ignore": ["lm_head", r"re:.*mlp\.gate$"],
            "modifier": "SmoothQuantModifier+GPTQModifier", "tools": {},
            "calibration": {"sha256": "ff", "samples": 8, "tokens": 100, "max_tokens": 16, "seed": 1},
        },
        "parent": {"reference": "small@0123", "revision": "0123", "sha256": "ab" * 32, "hub_id": None},
    }  # fmt: skip
    for text in (
        "",
        "[]",
        '{"schema_version": 2}',
        '{"schema_version": 1}',
        '{"schema_version": 1, "recipe": 1, "parent": 2}',
    ):
        (tmp_path / "quantized.json").write_text(text)
        assert find_parent(tmp_path) is None
    assert read_record(tmp_path / "nowhere") is None
