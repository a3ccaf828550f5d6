"""Plans against real checkpoints and the real vLLM. On a CPU: it proves the arithmetic, not what a GPU has left."""

from pathlib import Path

import pytest

from inference.registry.checkpoint import inspect_checkpoint
from tests.engines.launch import RunningEngine
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
