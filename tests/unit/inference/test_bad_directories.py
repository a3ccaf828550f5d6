"""Kinds of bad model directory: each is refused by name, from the import and from a load, and the old model stays."""

import json
import os
import pickle
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.registry import errors, refusals
from inference.registry.importing import Names, import_model
from inference.registry.store import list_stored
from inference.registry.verification import verify
from inference.serving import guard, launch
from inference.serving.keeper.exit_codes import EXIT_REFUSED
from tests.unit.inference.model_folders import (
    FIRST,
    INDEX,
    SECOND,
    Refusal,
    edit_json,
    snapshot,
    tensor,
    write_model,
    write_shard,
)
from tests.unit.topology.layouts import hosts

Spoil = Callable[[Path], Any]


class Quiet:
    def begin(self, words: str, total_bytes: int | None) -> None:
        pass

    def advance(self, done_bytes: int) -> None:
        pass


def put(name: str, content: bytes = b"x") -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    return spoil


def shard(header: dict[str, Any], data: int = 16) -> Spoil:
    return lambda folder: write_shard(folder / FIRST, header, data=data)


def index(**changes: object) -> Spoil:
    return lambda folder: edit_json(folder / INDEX, **changes)


def cut(folder: Path) -> None:
    (folder / SECOND).write_bytes((folder / SECOND).read_bytes()[:-1])


def oversized_header(folder: Path) -> None:
    """Sparse: the header says that it is longer than any header may be, and the file has that many bytes."""
    length = 101 * 1024 * 1024
    with (folder / FIRST).open("wb") as stream:
        stream.write(struct.pack("<Q", length) + b"{")
        stream.truncate(8 + length)


def duplicate_tensor(folder: Path) -> None:
    raw = b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "a": {}}'
    (folder / FIRST).write_bytes(struct.pack("<Q", len(raw)) + raw + b"x")


def without_weights(folder: Path) -> None:
    for name in (FIRST, SECOND, INDEX):
        (folder / name).unlink()


def same_tensor_twice(folder: Path) -> None:
    (folder / INDEX).unlink()
    write_shard(folder / SECOND, {"a": tensor(0, 1)}, data=1)


def without_template(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("{}")


def link_out(folder: Path) -> None:
    secret = folder.parent / "secret"
    secret.write_text("of somebody else")
    (folder / "NOTICE").symlink_to(secret)


def linked_folder(folder: Path) -> None:
    (folder / "more").symlink_to(folder.parent)


def hard_link(folder: Path) -> None:
    (folder.parent / "elsewhere").write_bytes(b"x")
    os.link(folder.parent / "elsewhere", folder / "NOTICE")


def bound_socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))


def very_deep(folder: Path) -> None:
    put("/".join("d" * 9) + "/file")(folder)


EVIL = pickle.dumps({"weights": [1, 2, 3]}, protocol=4)
IN_HALVES = {"a": FIRST, "b": FIRST, "c": FIRST}
CASES: dict[str, tuple[Spoil, Refusal, str]] = {
    "a pickle": (put("pytorch_model.bin"), errors.UnsafeWeightsError, "pytorch_model.bin"),
    "a pickle of another suffix": (put("weights.PT"), errors.UnsafeWeightsError, "weights.PT"),
    "a pickle in a folder": (put("original/consolidated.00.pth"), errors.UnsafeWeightsError, "consolidated.00.pth"),
    "a pickle under another name": (put("NOTICE", EVIL), refusals.DisguisedFileError, "this is a pickle"),
    "a pickle that calls itself safetensors": (put("z.safetensors", EVIL), refusals.DisguisedFileError, "a pickle"),
    "PyTorch's archive under another name": (put("z.txt", b"PK\x03\x04.."), refusals.DisguisedFileError, "zip archive"),
    "a program": (put("LICENSE", b"\x7fELF\x02"), refusals.DisguisedFileError, "this is a program"),
    "other weights": (put("model.gguf"), errors.UnsafeWeightsError, "model.gguf"),
    "Python code": (put("modeling.py"), errors.CodeInCheckpointError, "modeling.py"),
    "Python code in a folder": (put("code/modeling.py"), errors.CodeInCheckpointError, "code/modeling.py"),
    "a library": (put("kernel.so"), errors.CodeInCheckpointError, "kernel.so"),
    "code that is asked for": (
        lambda f: edit_json(f / "config.json", auto_map={"AutoModel": "x.Y"}), errors.CodeInCheckpointError, "auto_map",
    ),
    "code that is asked for in the depth of another file": (
        put("processor/preprocessor_config.json", b'{"a": [{"auto\\u005fmap": {}}]}'),
        errors.CodeInCheckpointError, "preprocessor_config.json",
    ),
    "a link out of the directory": (link_out, refusals.LinkInCheckpointError, "NOTICE"),
    "a folder that is a link": (linked_folder, refusals.LinkInCheckpointError, "more"),
    "a file with a second name": (hard_link, refusals.HardLinkError, "NOTICE"),
    "a pipe": (lambda f: os.mkfifo(f / "pipe"), refusals.SpecialFileError, "pipe"),
    "a socket": (bound_socket, refusals.SpecialFileError, "neither a file nor a folder"),
    "folders without end": (very_deep, refusals.SpecialFileError, "nested too deeply"),
    "a name of two lines": (put("a\nb"), refusals.SpecialFileError, "odd characters"),
    "a truncated shard": (cut, errors.WeightsMissingError, SECOND),
    "no weights": (without_weights, errors.WeightsMissingError, "no *.safetensors"),
    "an index that names a shard that is not there": (
        index(weight_map={"a": "model-9.safetensors"}), errors.WeightsMissingError, "model-9.safetensors",
    ),
    "an index that names a shard elsewhere": (
        index(weight_map={"a": "../x.safetensors"}), refusals.IndexLiesError, "no shard beside it",
    ),
    "an index that names the wrong shard": (
        index(weight_map=IN_HALVES), refusals.IndexLiesError, f"it is in {SECOND}",
    ),
    "an index that names a tensor nobody has": (
        index(weight_map={"z": FIRST}), refusals.IndexLiesError, "no shard has it",
    ),
    "an index with a wrong total": (index(metadata={"total_size": 25}), refusals.IndexLiesError, "they have 24"),
    "an index that says nothing": (index(weight_map=[]), refusals.IndexLiesError, "no weight_map"),
    "the same tensor twice": (same_tensor_twice, refusals.IndexLiesError, "no index says which"),
    "overlapping tensors": (
        shard({"a": tensor(0, 9), "b": tensor(8, 16)}), refusals.HeaderError, "overlaps another tensor",
    ),
    "a gap between tensors": (
        shard({"a": tensor(0, 4), "b": tensor(8, 16)}), refusals.HeaderError, "leaves a gap",
    ),
    "a tensor beyond the end": (shard({"a": tensor(0, 99)}), errors.WeightsMissingError, "its header promises"),
    "a tensor before the beginning": (
        shard({"a": tensor(-4, 16)}), refusals.HeaderError, "no possible shape and place",
    ),
    "a tensor of another size than its shape": (
        shard({"a": tensor(0, 16, shape=[4])}), refusals.HeaderError, "its shape needs 4",
    ),
    "a tensor of an unknown type": (shard({"a": tensor(0, 16, dtype="X")}), refusals.HeaderError, "unknown type"),
    "a tensor named twice": (duplicate_tensor, refusals.HeaderError, "names 'a' twice"),
    "a header without end": (oversized_header, refusals.HeaderError, "longer than"),
    "no configuration": (lambda f: (f / "config.json").unlink(), errors.ConfigUnreadableError, "config.json"),
    "a configuration that is not JSON": (put("config.json", b"{"), errors.ConfigUnreadableError, "cannot be read"),
    "a configuration that says a key twice": (
        put("config.json", b'{"architectures": ["Qwen3ForCausalLM"], "architectures": []}'), refusals.DuplicateKeyError,
        "'architectures' twice",
    ),
    "a configuration of great depth": (
        put("config.json", b"[" * 100_000), errors.ConfigUnreadableError, "config.json",
    ),
    "a text configuration that is none": (
        lambda f: edit_json(f / "config.json", text_config="x"), errors.ConfigUnreadableError,
        "'text_config' is 'x', which is no object",
    ),
    "a quantization that is none": (
        lambda f: edit_json(f / "config.json", quantization_config=["awq"]), errors.ConfigUnreadableError,
        "'quantization_config' is ['awq'], which is no object",
    ),
    "classes that are none": (
        lambda f: edit_json(f / "config.json", id2label=2), errors.ConfigUnreadableError, "'id2label' is 2",
    ),
    "a context that is no number": (
        lambda f: edit_json(f / "config.json", max_position_embeddings="40960"), errors.ConfigUnreadableError,
        "'max_position_embeddings' is '40960'",
    ),
    "a context of nothing": (
        lambda f: edit_json(f / "config.json", text_config={"max_position_embeddings": 0}),
        errors.ConfigUnreadableError, "'max_position_embeddings' is 0, which is no number of tokens",
    ),
    "an unknown architecture": (
        lambda f: edit_json(f / "config.json", architectures=["GPT2LMHeadModel"]), errors.ArchitectureUnsupportedError,
        "GPT2LMHeadModel",
    ),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), errors.TokenizerMissingError, "no tokenizer"),
    "no chat template": (without_template, errors.ChatTemplateMissingError, "no chat template"),
}  # fmt: skip


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """A store with one good model in it."""
    folder = tmp_path / "data" / "model"
    folder.mkdir(parents=True)
    import_model(write_model(tmp_path / "good"), models_dir=folder, names=Names(), progress=Quiet())
    return folder


def test_there_are_more_than_twenty_kinds() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("kind", CASES)
def test_bad_directory_is_not_imported_and_nothing_else_changes(kind: str, tmp_path: Path, models_dir: Path) -> None:
    spoil, error, words = CASES[kind]
    bad, before = write_model(tmp_path / "bad"), snapshot(models_dir)
    spoil(bad)
    with pytest.raises(error) as caught:
        import_model(bad, models_dir=models_dir, names=Names(), progress=Quiet())
    assert words in str(caught.value)
    assert str(bad) in str(caught.value)
    assert caught.value.fix
    assert snapshot(models_dir) == before
    assert [path.name for path in models_dir.iterdir() if path.name.startswith(".importing")] == []
    assert [stored.name for stored in list_stored(models_dir)] == ["good"]


@pytest.mark.parametrize("kind", CASES)
def test_model_in_place_that_went_bad_is_not_loaded(kind: str, tmp_path: Path, models_dir: Path) -> None:
    spoil, error, words = CASES[kind]
    served = write_model(tmp_path / "served")
    verify(served, models_dir=models_dir)
    before = snapshot(models_dir)
    spoil(served)
    with pytest.raises(error) as caught:
        verify(served, models_dir=models_dir)
    assert words in str(caught.value)
    assert snapshot(models_dir) == before


@pytest.mark.parametrize("kind", CASES)
def test_engine_does_not_start_with_a_bad_directory(
    kind: str, tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through what a supervisor starts and through what a unit or a container starts: neither becomes the engine."""
    spoil, error, words = CASES[kind]
    bad, before = write_model(tmp_path / "bad"), snapshot(models_dir)
    spoil(bad)
    settings = hosts(model={"path": str(bad), "device": "cpu"}, data_dir=models_dir.parent)
    with pytest.raises(error) as caught:
        launch.build_command("engine", settings, python=Path(sys.executable))
    assert words in str(caught.value)
    become: list[str] = []
    monkeypatch.setattr(os, "execv", lambda path, _: become.append(path))
    argv = ["guard", "--models", str(models_dir), "--path", str(bad), "--", "/bin/engine"]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as ended:
        guard.main()
    assert ended.value.code == EXIT_REFUSED
    said = capsys.readouterr().err
    assert "The model is not loaded." in said
    assert words in said
    assert become == []
    assert snapshot(models_dir) == before


def test_every_kind_has_words_of_its_own(tmp_path: Path) -> None:
    said = set()
    for number, (spoil, error, _) in enumerate(CASES.values()):
        folder = write_model(tmp_path / str(number) / "model")
        spoil(folder)
        with pytest.raises(error) as caught:
            verify(folder, models_dir=tmp_path)
        said.add(f"{caught.value.path.relative_to(folder.parent)}: {caught.value.problem}"
                 if folder.parent in caught.value.path.parents else str(caught.value))  # fmt: skip
    assert len(said) == len(CASES)


def test_model_that_is_right_is_served(tmp_path: Path, models_dir: Path) -> None:
    (stored,) = list_stored(models_dir)
    assert verify(stored.folder, models_dir=models_dir).files == 8
    assert json.loads((stored.folder / "imported.json").read_text())["name"] == "good"
