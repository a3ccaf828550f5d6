"""Several engines on one machine: each its command, its turn and its share, or a refusal before anything changes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.local import engines
from appliance.local.engines import build_engines
from appliance.local.errors import LocalError
from appliance.local.programs import rank_programs
from appliance.settings import Settings
from appliance.topology import build_topology
from inference.registry.machine import Gpu, MachineFacts
from inference.registry.options import Options, Speculative
from inference.registry.spec import Device, ModelSpec
from tests.unit.inference.model_folders import edit_json, write_model

GIB = 1024**3
LLAMA_8B = {
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072, "torch_dtype": "bfloat16",
}  # fmt: skip


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu("NVIDIA L40S", 48 * GIB, (8, 9))
    facts = MachineFacts((gpu,), False, 16 * GIB, "x86_64", frozenset(), True, True)
    monkeypatch.setattr(engines, "gather_machine_facts", lambda **_named: facts)


def write(folder: Path, name: str, *, device: Device = "cuda") -> ModelSpec:
    model = write_model(folder / name)
    edit_json(model / "config.json", **LLAMA_8B)
    return ModelSpec(name, "directory", device, model, family="qwen3", served_name=name)


def build(tmp_path: Path, specs: Mapping[str, ModelSpec], **model: object) -> engines.Engines:
    names = [name for name in specs if name != "model"]
    further = {name: {"path": str(specs[name].path), "port": 8411 + at} for at, name in enumerate(names)}
    settings = Settings.model_validate({"data_dir": tmp_path / "var", "further_models": further, "model": model})
    return build_engines(settings, specs, python=Path("/py"), root=Path("/code"))


def flag(argv: tuple[str, ...], name: str) -> str:
    return argv[argv.index(name) + 1]


@pytest.mark.usefixtures("one_gpu")
def test_engines_share_the_gpu_and_start_one_after_another(tmp_path: Path) -> None:
    specs = {"model": write(tmp_path, "main"), "coder": write(tmp_path, "coder")}
    built = build(tmp_path, specs)
    main, coder = built.commands["engine"].argv, built.commands["engine-coder"].argv
    assert flag(main, "--gpu-memory-utilization") == flag(coder, "--gpu-memory-utilization") == "0.45"
    assert "--after" not in main
    assert flag(coder, "--after") == "http://127.0.0.1:8410"
    assert flag(coder, "--given-up") == str(tmp_path / "var" / "run")
    assert flag(coder, "--port") == "8411"
    assert built.names == {"engine": "model", "engine-coder": "coder"}


@pytest.mark.usefixtures("one_gpu")
def test_one_model_alone_is_started_as_ever(tmp_path: Path) -> None:
    built = build(tmp_path, {"model": write(tmp_path, "main")})
    assert flag(built.commands["engine"].argv, "--gpu-memory-utilization") == "0.9"


@pytest.mark.usefixtures("one_gpu")
def test_models_that_do_not_fit_together_are_refused_with_where_to_look(tmp_path: Path) -> None:
    specs = {name: write(tmp_path, name) for name in ("model", "coder", "other")}
    with pytest.raises(LocalError, match=r"do not fit the GPU together: 48\.0 GiB[\s\S]*models plan --configured"):
        build(tmp_path, specs)


@pytest.mark.usefixtures("one_gpu")
def test_on_a_cpu_the_machine_has_to_hold_them(tmp_path: Path) -> None:
    specs = {name: write(tmp_path, name, device="cpu") for name in ("model", "coder")}
    with pytest.raises(LocalError, match=r"this machine has 16\.0 GiB: model 15\.0 GiB of weights"):
        build(tmp_path, specs)


@pytest.mark.usefixtures("one_gpu")
def test_explicit_fraction_is_passed_on(tmp_path: Path) -> None:
    specs = {"model": write(tmp_path, "main"), "coder": write(tmp_path, "coder")}
    built = build(tmp_path, specs, memory_fraction=0.5)
    assert flag(built.commands["engine"].argv, "--gpu-memory-utilization") == "0.5"
    assert flag(built.commands["engine-coder"].argv, "--gpu-memory-utilization") == "0.4"


@pytest.mark.usefixtures("one_gpu")
def test_draft_models_memory_is_counted_where_a_gpu_is_shared(tmp_path: Path) -> None:
    """Of 48 GiB: the same two models fit, and do not when one of them has a third beside it."""
    specs = {"model": write(tmp_path, "main"), "coder": write(tmp_path, "coder")}
    build(tmp_path, specs)
    guessing = Options(speculative=Speculative("draft_model", 4, write(tmp_path, "draft").path))
    with pytest.raises(LocalError, match=r"model 29\.9 GiB of weights, .*; coder 15\.0 GiB of weights"):
        build(tmp_path, {**specs, "model": replace(specs["model"], options=guessing)})


def test_further_model_that_comes_moves_no_other_program() -> None:
    before = rank_programs(build_topology(Settings()))
    further = {"coder": {"path": "/m/c", "port": 8411}, "ranks": {"path": "/m/r", "port": 8412}}
    after = rank_programs(build_topology(Settings.model_validate({"further_models": further})))
    assert {name: rank for name, rank in after.items() if name in before} == before
    assert after["engine-coder"] == after["engine-ranks"] == before["engine"]
    assert json.dumps(sorted(set(after.values()))) == json.dumps(list(range(1, len(before) + 1)))
