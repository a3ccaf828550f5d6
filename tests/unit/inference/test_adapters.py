"""Adapters: one that fits its model is served, every other kind is refused by name, from the import and from a load."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.registry import errors, refusals
from inference.registry.adapter import WEIGHTS, AdapterMismatchError, AdapterRefusedError, inspect_adapter
from inference.registry.choice import ModelWish
from inference.registry.companions import AdapterNameError
from inference.registry.fetched import resolve_model, write_marker
from inference.registry.importing import Names, import_model
from inference.registry.options import NamedAdapter, Options
from inference.registry.spec import ModelSpec
from inference.registry.store import list_stored
from inference.registry.verification import verify
from inference.serving.argv import build_engine_argv
from tests.engines.adapters import write_adapter, write_safetensors
from tests.unit.inference.model_folders import edit_json, snapshot, write_model
from tests.unit.inference.test_bad_directories import Quiet
from tests.unit.inference.test_choice import OFFLINE

Spoil = Callable[[Path], Any]
FACTS = {
    "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 1024,
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = write_model(tmp_path / "model")
    edit_json(folder / "config.json", **FACTS)
    return folder


def resolve(model: Path, options: Options) -> ModelSpec:
    spec = resolve_model(ModelWish(path=model, name="base", options=options), OFFLINE, models_dir=model.parent).spec
    assert spec is not None
    return spec


def beside(*folders: Path) -> Options:
    return Options(adapters=tuple(NamedAdapter(folder.name, folder) for folder in folders))


def test_adapters_become_flags_with_room_for_the_largest(model: Path, tmp_path: Path) -> None:
    small, large = write_adapter(tmp_path / "small"), write_adapter(tmp_path / "large", rank=48)
    spec = resolve(model, beside(small, large))
    line = " ".join(build_engine_argv(spec, python=Path("/py"), port=1))
    assert (
        f'--enable-lora --max-loras 2 --max-lora-rank 64 --lora-modules {{"name": "small", "path": "{small}"}} '
        f'{{"name": "large", "path": "{large}"}} '
    ) in line
    assert spec.folders == (model, small, large)


def test_every_projection_of_a_layer_may_be_changed(model: Path, tmp_path: Path) -> None:
    sides = {
        "self_attn.q_proj": (256, 256), "self_attn.k_proj": (256, 128), "self_attn.v_proj": (256, 128),
        "self_attn.o_proj": (256, 256), "mlp.gate_proj": (256, 512), "mlp.up_proj": (256, 512),
        "mlp.down_proj": (512, 256),
    }  # fmt: skip
    assert resolve(model, beside(write_adapter(tmp_path / "all", sides=sides))).adapter_rank == 8


def put(name: str, content: bytes = b"x") -> Spoil:
    return lambda folder: (folder / name).write_bytes(content)


def say(**changes: object) -> Spoil:
    return lambda folder: edit_json(folder / "adapter_config.json", **changes)


def tensors(**named: tuple[int, ...]) -> Spoil:
    """Other tensors, by name with dots for double underscores."""
    whole = {
        f"base_model.model.{name.replace('__', '.')}": (shape, bytes(4 * shape[0] * (shape[1] if shape[1:] else 1)))
        for name, shape in named.items()
    }
    return lambda folder: write_safetensors(folder / "adapter_model.safetensors", whole)


QUERY = "model__layers__0__self_attn__q_proj"
BAD: dict[str, tuple[Spoil, type[errors.CheckpointError]]] = {
    "pickled weights": (put("adapter_model.bin", pickle.dumps({})), errors.UnsafeWeightsError),
    "code": (put("adapter.py"), errors.CodeInCheckpointError),
    "code asked for": (say(auto_map={"AutoModel": "x.Y"}), errors.CodeInCheckpointError),
    "a pickle in disguise": (put("README.md", pickle.dumps({})), refusals.DisguisedFileError),
    "a link": (lambda folder: (folder / "a.txt").symlink_to("/etc/passwd"), refusals.LinkInCheckpointError),
    "no weights": (lambda folder: (folder / "adapter_model.safetensors").unlink(), errors.WeightsMissingError),
    "cut weights": (
        lambda folder: put(WEIGHTS, (folder / WEIGHTS).read_bytes()[:-1])(folder),
        errors.WeightsMissingError,
    ),
    "other weights beside": (
        lambda folder: put("new_embeddings.safetensors", (folder / WEIGHTS).read_bytes())(folder),
        AdapterRefusedError,
    ),
    "no JSON": (put("adapter_config.json", b"{"), errors.ConfigUnreadableError),
    "another kind": (say(peft_type="IA3"), AdapterRefusedError),
    "DoRA": (say(use_dora=True), AdapterRefusedError),
    "bias": (say(bias="all"), AdapterRefusedError),
    "saved modules": (say(modules_to_save=["lm_head"]), AdapterRefusedError),
    "a start that changes the model": (say(init_lora_weights="pissa"), AdapterRefusedError),
    "a rank that lies": (say(r=4), AdapterRefusedError),
    "no rank": (say(r=None), AdapterRefusedError),
    "a pattern of ranks that lies": (say(rank_pattern={"q_proj": 16}), AdapterRefusedError),
    "no factor": (say(lora_alpha="16"), AdapterRefusedError),
    "an endless factor": (say(lora_alpha=1e300), AdapterRefusedError),
    "the vocabulary": (tensors(lm_head__lora_A__weight=(8, 256), lm_head__lora_B__weight=(9, 8)), AdapterRefusedError),
    "half a pair": (tensors(**{f"{QUERY}__lora_A__weight": (8, 256)}), AdapterRefusedError),
    "a pair of two ranks": (
        tensors(**{f"{QUERY}__lora_A__weight": (8, 256), f"{QUERY}__lora_B__weight": (256, 4)}), AdapterRefusedError,
    ),
    "one dimension": (
        tensors(**{f"{QUERY}__lora_A__weight": (8,), f"{QUERY}__lora_B__weight": (256, 8)}), AdapterRefusedError,
    ),
    "nothing": (tensors(), AdapterRefusedError),
    "a rank beyond vLLM": (
        tensors(**{f"{QUERY}__lora_A__weight": (513, 256), f"{QUERY}__lora_B__weight": (256, 513)}),
        AdapterRefusedError,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "refusal"), BAD.values(), ids=BAD)
def test_bad_adapter_is_refused_by_name_everywhere(
    model: Path, tmp_path: Path, spoil: Spoil, refusal: type[errors.CheckpointError]
) -> None:
    folder, models_dir = write_adapter(tmp_path / "style"), tmp_path / "store"
    models_dir.mkdir()
    spoil(folder)
    with pytest.raises(refusal):
        resolve(model, beside(folder))
    with pytest.raises(refusal):
        verify(folder, models_dir=models_dir)
    before = snapshot(models_dir)
    with pytest.raises(refusal):
        import_model(folder, models_dir=models_dir, names=Names(), progress=Quiet())
    assert {name for name in snapshot(models_dir) if "style" in name} == set()
    assert before == {}


@pytest.mark.parametrize(
    "other", [{"hidden_size": 512}, {"num_hidden_layers": 1}, {"num_attention_heads": 8}, {"head_dim": 128}]
)
def test_adapter_of_another_shape_is_refused(model: Path, tmp_path: Path, other: dict[str, int]) -> None:
    edit_json(model / "config.json", **other)
    with pytest.raises(AdapterMismatchError, match="does not fit model"):
        resolve(model, beside(write_adapter(tmp_path / "style")))


@pytest.mark.parametrize("odd", [{"hidden_size": None}, {"intermediate_size": "wide"}])
def test_model_that_does_not_say_its_sizes_has_no_adapters(model: Path, tmp_path: Path, odd: dict[str, object]) -> None:
    edit_json(model / "config.json", **odd)
    with pytest.raises(AdapterMismatchError, match="does not say how large"):
        resolve(model, beside(write_adapter(tmp_path / "style")))


def test_adapter_of_another_model_of_the_catalogue_is_refused(model: Path, tmp_path: Path) -> None:
    write_marker(model, hub_id="Qwen/Qwen3-8B-AWQ", revision="main", commit="c0ffee")
    fits = write_adapter(tmp_path / "fits", base_model_name_or_path="Qwen/Qwen3-8B")
    assert resolve(model, beside(fits)).adapter_rank == 8
    other = write_adapter(tmp_path / "other", base_model_name_or_path="meta-llama/Llama-3.1-8B-Instruct")
    with pytest.raises(AdapterMismatchError, match=r"made for Llama 3\.1 8B Instruct, the model is Qwen3 8B"):
        resolve(model, beside(other))


def test_adapter_that_is_not_there_and_one_that_is_called_as_its_model_are_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.CheckpointMissingError, match=r"model\.adapters"):
        resolve(model, beside(tmp_path / "absent"))
    with pytest.raises(AdapterNameError, match="base is the name of the model itself"):
        resolve(model, beside(write_adapter(tmp_path / "base")))


def test_adapter_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(errors.AdapterAloneError, match=r"model\.adapters"):
        resolve(write_adapter(tmp_path / "style"), Options())


def test_imported_adapter_is_sealed_and_noticed_when_it_changes(tmp_path: Path) -> None:
    models_dir = tmp_path / "store"
    models_dir.mkdir()
    done = import_model(write_adapter(tmp_path / "style"), models_dir=models_dir, names=Names(), progress=Quiet())
    assert [stored.reference for stored in list_stored(models_dir)] == [done.stored.reference]
    assert verify(done.stored.folder, models_dir=models_dir).files == 3  # with the marker of its origin
    assert inspect_adapter(done.stored.folder).rank == 8
    edit_json(done.stored.folder / "adapter_config.json", lora_alpha=32)
    with pytest.raises(refusals.FileChangedError):
        verify(done.stored.folder, models_dir=models_dir)


def test_what_is_not_a_writing_model_has_nothing_beside_it(model: Path) -> None:
    spec = replace(resolve(model, Options()), purpose="embedding")
    assert "--enable-lora" not in build_engine_argv(spec, python=Path("/py"), port=1)
