"""Plans against real checkpoints and the real vLLM. On a CPU: it proves the arithmetic, not what a GPU has left."""

from dataclasses import replace
from pathlib import Path

import pytest

from inference.registry.checkpoint import inspect_checkpoint
from tests.engines.launch import RunningEngine, build_spec, running_engine
from tests.engines.predicted import predict, read_kv_tokens

FAMILIES = ("llama", "mistral", "qwen3")


@pytest.mark.parametrize("family", FAMILIES)
def test_planned_weights_are_within_two_percent_of_the_files(family: str, tiny_checkpoints: dict[str, Path]) -> None:
    checkpoint = inspect_checkpoint(tiny_checkpoints[family])
    assert predict(checkpoint.path).weights_bytes == pytest.approx(checkpoint.weights_bytes, rel=0.02)


def test_planned_cache_is_what_the_engine_has(tiny_checkpoints: dict[str, Path], tiny_engine: RunningEngine) -> None:
    figures = predict(tiny_checkpoints["qwen3"])
    assert figures.kv_bytes_per_token == 2 * 2 * 2 * 64 * 2  # keys and values, layers, heads, head size, bytes
    assert read_kv_tokens(tiny_engine.log) == pytest.approx(figures.kv_tokens, rel=0.05)


def test_planned_cache_in_fp8_is_what_the_engine_has(tiny_checkpoints: dict[str, Path], tmp_path: Path) -> None:
    spec = replace(build_spec(tiny_checkpoints["llama"]), kv_cache_dtype="fp8")
    plain, small = (predict(tiny_checkpoints["llama"], kv_cache_dtype=dtype) for dtype in ("auto", "fp8"))
    assert small.kv_tokens == 2 * plain.kv_tokens
    with running_engine(spec, tmp_path, enforce_eager=True) as engine:
        assert read_kv_tokens(engine.log) == pytest.approx(small.kv_tokens, rel=0.05)
