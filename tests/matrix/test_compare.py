"""``models compare`` on the real vLLM: a tiny Llama against itself in 4 bits. Random weights: figures mean nothing."""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from inference.serving.command import embedder_command
from tests.engines.launch import INFERENCE_PYTHON, ROOT

TEXT = ROOT / "tests" / "engines" / "tiny_text.md"
SECONDS = 500
LETTERS = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
QUESTIONS: list[dict[str, Any]] = [
    {"id": "held", "scorer": "json_schema", "expected": LETTERS, "structured": True, "max_tokens": 60},
    {"id": "chosen", "scorer": "choice", "choices": ["yes", "no"], "expected": "yes", "structured": True},
    {"id": "never", "scorer": "exact", "expected": "The weights are random.", "max_tokens": 8},
    {"id": "always", "scorer": "regex", "expected": "(?s)^.*$", "max_tokens": 8},
]


def start(folder: Path, model: Path) -> "subprocess.Popen[str]":
    """The comparison's own program, as the command line runs it."""
    questions = folder / "questions.jsonl"
    questions.write_text("\n".join(json.dumps({**each, "question": "Is the reservoir full?"}) for each in QUESTIONS))
    named = {"reference": "tiny-llama", "path": str(model)}
    request = {
        "parent": named, "child": {**named, "quantization": "bitsandbytes"}, "models_dir": str(folder / "models"),
        "folder": str(folder), "root": str(ROOT), "text_file": str(TEXT), "questions_file": str(questions),
        "serving": {"device": "cpu", "kv_cache_gib": 0.25}, "window_tokens": 128,
    }  # fmt: skip
    env = embedder_command(python=INFERENCE_PYTHON, port=0, data_dir=folder, root=ROOT).env
    process = subprocess.Popen(
        [str(INFERENCE_PYTHON), "-m", "inference.comparing"], env=env, cwd="/", text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    with process.stdin as stream:
        json.dump(request, stream)
    return process


def find_processes(folder: Path) -> list[int]:
    """Of all that was started with this folder for its caches, the comparison's program among it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may end meanwhile, or be somebody else's
            if f"HOME={folder}/".encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def wait_for(what: str, holds: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@pytest.mark.timeout(SECONDS + 100)
def test_model_is_compared_with_itself_in_four_bits(tiny_checkpoints: dict[str, Path], tmp_path: Path) -> None:
    process = start(tmp_path, tiny_checkpoints["llama"])
    output, _ = process.communicate(timeout=SECONDS)
    events = [json.loads(line) for line in output.splitlines()]
    assert process.returncode == 0, events[-1]
    report = events[-1]["result"]
    assert [report[side]["format"] for side in ("parent", "child")] == ["bf16", "bnb-nf4"]
    assert report["child"]["planned_weights_bytes"] < report["parent"]["planned_weights_bytes"]
    perplexity, asked = report["perplexity"], report["questions"]
    assert perplexity["comparable"]
    assert perplexity["parent"]["scored_tokens"] == perplexity["tokens"] - 1
    assert perplexity["ratio"] != 1
    assert perplexity["ratio"] == pytest.approx(1, abs=0.1)
    assert asked["questions"] == 4
    assert asked["both"] + asked["only_parent"] >= 1  # the pattern that everything matches
    assert asked["neither"] >= 1  # the sentence that random weights do not write
    for side in ("parent", "child"):
        speed = report["speed"][side]
        assert (speed["requests"], speed["answer_tokens"]) == (9, 64)
        assert 0 < speed["first_token_seconds"]["smallest"] <= speed["first_token_seconds"]["median"]
        assert speed["tokens_per_second"]["median"] > 1
    assert {event["step"] for event in events if "step" in event} >= {"Reading the text (child)"}
    assert find_processes(tmp_path) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_an_interrupted_comparison(
    tiny_checkpoints: dict[str, Path], tmp_path: Path, number: signal.Signals
) -> None:
    """Interrupted while vLLM has processes of its own already."""
    process = start(tmp_path, tiny_checkpoints["llama"])
    wait_for("vLLM has its processes", lambda: len(find_processes(tmp_path)) >= 3, 120)
    os.kill(process.pid, number)
    assert process.wait(60) == (130 if number == signal.SIGINT else -signal.SIGKILL)
    wait_for("all processes have ended", lambda: find_processes(tmp_path) == [], 60)
    assert process.stdout is not None
    process.stdout.close()
