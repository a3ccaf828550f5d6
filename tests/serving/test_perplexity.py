"""The perplexity that the engine's logarithms make is the one that transformers computes of the same checkpoint."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from inference.comparing.engine import Engine
from inference.comparing.measuring import measure_perplexity, score_text
from inference.serving.command import embedder_command
from tests.engines.launch import INFERENCE_PYTHON, ROOT, RunningEngine

TEXT = ROOT / "tests" / "engines" / "tiny_text.md"
WINDOW = 128
SECONDS = 200


@pytest.fixture(scope="module")
def reference(tiny_checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What torch makes of tiny Qwen3 and the text."""
    env = embedder_command(python=INFERENCE_PYTHON, port=0, data_dir=tmp_path_factory.mktemp("torch"), root=ROOT).env
    argv = [str(INFERENCE_PYTHON), "-m", "tests.serving.torch_perplexity", "--model", str(tiny_checkpoints["qwen3"]),
            "--text", str(TEXT), "--window", str(WINDOW)]  # fmt: skip
    done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_engine_gives_the_text_the_tokens_that_transformers_gives_it(
    tiny_engine: RunningEngine, reference: Any
) -> None:
    assert Engine(tiny_engine.url, tiny_engine.model).tokenize(TEXT.read_text()) == reference["tokens"]


def test_each_token_is_as_likely_as_torch_says(tiny_engine: RunningEngine, reference: Any) -> None:
    """Token by token: of random weights, a mean alone would hide that the wrong ones were scored."""
    engine = Engine(tiny_engine.url, tiny_engine.model)
    tokens = engine.tokenize(TEXT.read_text())
    found = score_text(engine, tokens, window=WINDOW, see=lambda *_: None)
    assert len(found) == len(tokens) - 1 > 2 * WINDOW
    assert found == pytest.approx(reference["logprobs"], abs=0.03)
    assert max(reference["logprobs"]) - min(reference["logprobs"]) > 1  # the tolerance tells them apart


def test_perplexity_is_what_torch_computes(tiny_engine: RunningEngine, reference: Any) -> None:
    engine = Engine(tiny_engine.url, tiny_engine.model)
    found = measure_perplexity(engine, engine.tokenize(TEXT.read_text()), window=WINDOW, see=lambda *_: None)
    assert found.value == pytest.approx(reference["perplexity"], rel=0.002)
