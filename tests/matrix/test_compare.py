"""``models compare`` on the real vLLM: a tiny Llama against itself in 4 bits. Random weights: figures mean nothing."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from appliance import settings
from appliance.cli.app import application
from appliance.local.identity import Identity
from appliance.local.instance import LocalAppliance
from inference.serving.command import embedder_command
from tests.engines.launch import INFERENCE_PYTHON, ROOT

TEXT = ROOT / "tests" / "engines" / "tiny_text.md"
SECONDS = 500
SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
QUESTIONS: list[dict[str, Any]] = [
    {"id": "held", "scorer": "json_schema", "expected": SCHEMA, "structured": True, "max_tokens": 60},
    {"id": "chosen", "scorer": "choice", "choices": ["yes", "no"], "expected": "yes", "structured": True},
    {"id": "never", "scorer": "exact", "expected": "The weights are random.", "max_tokens": 8},
    {"id": "always", "scorer": "regex", "expected": "(?s)^.*$", "max_tokens": 8},
]


def write_questions(folder: Path) -> Path:
    file = folder / "questions.jsonl"
    file.write_text("\n".join(json.dumps({**each, "question": "Is the reservoir full?"}) for each in QUESTIONS))
    return file


def start(folder: Path, model: Path) -> "subprocess.Popen[str]":
    """The comparison's own program, as the command line runs it."""
    named = {"reference": "tiny-llama", "path": str(model)}
    request = {
        "parent": named, "child": {**named, "quantization": "bitsandbytes"}, "models_dir": str(folder / "models"),
        "folder": str(folder), "root": str(ROOT), "text_file": str(TEXT),
        "questions_file": str(write_questions(folder)), "window_tokens": 128,
        "serving": {"device": "cpu", "kv_cache_gib": 0.25},
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
    """Of all that was started with this folder, or one in it, for caches: the comparison's program too."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may end meanwhile, or be somebody else's
            if f"HOME={folder}/".encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def wait_for(what: str, holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Of this test's own; its components stay the user that runs the tests, who alone may enter the test's folders."""
    (tmp_path / "appliance.yaml").write_text(
        f"data_dir: {tmp_path / 'var'}\nmodel:\n  device: cpu\n  kv_cache_gib: 0.25\n"
    )
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / "appliance.yaml"))
    monkeypatch.setattr(LocalAppliance, "identity", Identity(os.getuid(), os.getgid(), ()))
    settings.load.cache_clear()
    yield tmp_path
    settings.load.cache_clear()


def run_verb(*arguments: str) -> Any:
    result = CliRunner().invoke(application, ["models", *arguments, "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


@pytest.mark.timeout(SECONDS)
def test_model_of_the_store_is_compared_with_itself_in_four_bits(
    tiny_checkpoints: dict[str, Path], installation: Path
) -> None:
    reference = run_verb("import", str(tiny_checkpoints["llama"]))["model"]
    files = ["--text", str(TEXT), "--questions", str(write_questions(installation))]
    report = run_verb("compare", reference, "--bitsandbytes", *files, "--keep")
    assert [report[side]["reference"] for side in ("parent", "child")] == [reference, reference]
    assert [report[side]["format"] for side in ("parent", "child")] == ["bf16", "bnb-nf4"]
    assert report["child"]["planned_weights_bytes"] < report["parent"]["planned_weights_bytes"]
    perplexity, asked = report["perplexity"], report["questions"]
    assert perplexity["comparable"]
    assert perplexity["parent"]["scored_tokens"] == perplexity["tokens"] - 1
    assert perplexity["ratio"] != 1
    assert perplexity["ratio"] == pytest.approx(1, abs=0.1)
    assert asked["questions"] == 4
    assert asked["both"] >= 1  # the pattern that everything matches
    assert asked["neither"] >= 1  # the sentence that random weights do not write
    for side in ("parent", "child"):
        speed = report["speed"][side]
        assert (speed["requests"], speed["answer_tokens"]) == (9, 64)
        assert 0 < speed["first_token_seconds"]["smallest"] <= speed["first_token_seconds"]["median"]
        assert speed["tokens_per_second"]["median"] > 1
    assert run_verb("show", reference)["comparison"] == report
    assert run_verb("verify", reference, "--full")["models"][0]["ok"]
    assert find_processes(installation / "var") == []
    assert list((installation / "var").glob("compare-*")) == []


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
