"""``models quantize`` as it is run: killed in the middle and gone on with, without room, and what the plan says of it.

In the environment ``quantize``, on a CPU and with random weights.
"""

import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from inference.planning.candidate import read_candidates
from inference.quantization.recipes import RECIPE_NAMES, RECIPES, RecipeName
from inference.quantization.record import read_record
from inference.quantization.work import Work, build_work, only_one_quantization
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.store import StoreBusyError
from inference.registry.verification import verify
from tests.engines.deep import build_deep_checkpoint
from tests.engines.launch import ROOT, build_spec, running_engine
from tests.engines.predicted import predict
from tests.engines.quantized import build_command, build_environment, ensure_quantized, quantize

FAMILIES = ("llama", "mistral", "qwen3")
SECONDS = 240
TEXTS = 12
WORDS = "Every answer names the passage that it was taken from, and says so when there is none. "
CALIBRATION = ("--samples", "12", "--max-tokens", "32", "--seed", "3")


@pytest.fixture(scope="module")
def folder(quantizing: Path) -> Path:
    """The installation of the cells too: what they had quantised is not made again."""
    return quantizing


@pytest.fixture
def deep(tiny_checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    return build_deep_checkpoint(tiny_checkpoints["qwen3"], tmp_path / "deep", layers=40)


def say_texts(path: Path) -> Path:
    lines = [json.dumps({"text": WORDS[3 * number :] * 3}) for number in range(TEXTS)]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("recipe", RECIPE_NAMES)
@pytest.mark.parametrize("family", FAMILIES)
def test_result_is_verified_recognised_and_planned_within_two_percent(
    family: str, recipe: RecipeName, tiny_checkpoints: dict[str, Path], folder: Path
) -> None:
    made = ensure_quantized(tiny_checkpoints[family], recipe, folder)
    assert verify(made, models_dir=made.parent, full=True).path == made
    checkpoint = inspect_checkpoint(made)
    (candidate,) = read_candidates(made)
    assert candidate.format == RECIPES[recipe].format
    assert checkpoint.quantization == ("bitsandbytes" if recipe == "bnb-nf4" else None)
    assert predict(made, format_=candidate.format).weights_bytes == pytest.approx(checkpoint.weights_bytes, rel=0.02)
    record = read_record(made)
    assert record is not None
    assert (record["recipe"]["name"], record["recipe"]["modifier"]) == (recipe, "round-to-nearest")
    assert record["parent"]["reference"] == str(tiny_checkpoints[family])


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("calibrated", "layers"), [(False, 40), (True, 5)], ids=["nearest", "calibrated"])
def test_killed_command_goes_on_and_makes_nothing_twice(
    calibrated: bool, layers: int, tiny_checkpoints: dict[str, Path], tmp_path: Path, folder: Path
) -> None:
    """Calibrated layers take long enough that a few have a middle."""
    deep, pieces = build_deep_checkpoint(tiny_checkpoints["qwen3"], tmp_path / "deep", layers=layers), layers + 1
    options = ("--calibration", str(say_texts(tmp_path / "texts.jsonl")), *CALIBRATION) if calibrated else ()
    name = f"killed-{'calibrated' if calibrated else 'nearest'}"
    work, named = build_work(folder / "var" / "model", name), (*options, "--name", name)
    finished = kill_in_the_middle(work, deep, folder, named)
    assert 3 <= len(finished) < pieces, "the kill came in the middle"
    done = quantize(deep, "w4a16", folder, *named)
    assert done["pieces"] == {"made": pieces - len(finished), "kept": len(finished)}
    made = Path(done["folder"])
    assert {file: take_identity(made / file) for file in finished} == finished
    assert not work.folder.exists()
    again = quantize(deep, "w4a16", folder, *named)
    assert (again["was_there"], again["model"]) == (True, done["model"])
    straight = quantize(deep, "w4a16", folder, *options, "--name", f"straight-{name}")
    assert straight["pieces"] == {"made": pieces, "kept": 0}
    assert straight["revision"] == done["revision"]


def kill_in_the_middle(work: Work, parent: Path, folder: Path, options: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """The finished files of a command that was killed without warning, and which they are."""
    command = build_command(parent, "w4a16", *options)
    with subprocess.Popen(
        command, env=build_environment(folder), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + SECONDS
        while len(list(work.output.glob("*.safetensors"))) < 3:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    wait_until_free(work.folder.parent)
    return {file.name: take_identity(file) for file in work.output.glob("*.safetensors")}


def wait_until_free(models_dir: Path) -> None:
    """The program that the command had started ends by itself."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with only_one_quantization(models_dir):
                return
        except StoreBusyError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def take_identity(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_ino, status.st_mtime_ns


def test_program_that_the_system_kills_is_told_and_its_work_kept(deep: Path, folder: Path) -> None:
    work = build_work(folder / "var" / "model", "starved")
    with subprocess.Popen(
        build_command(deep, "fp8", "--name", "starved"), env=build_environment(folder), cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + SECONDS
        while len(list(work.output.glob("*.safetensors"))) < 3:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        program = next(pid for pid in list_children(process.pid) if "inference.quantization.run" in read_command(pid))
        os.kill(program, signal.SIGKILL)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "The program that quantises was ended by signal 9. Signal 9 is what the system sends" in said
    assert "the same command goes on" in said
    done = quantize(deep, "fp8", folder, "--name", "starved")
    assert done["pieces"]["kept"] >= 3


def list_children(pid: int) -> list[int]:
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(below for child in found for below in list_children(child))]


def read_command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def test_disk_without_room_is_told_and_what_is_finished_is_used(deep: Path, folder: Path) -> None:
    """A limit on the size of a file stands for the full disk: both refuse the write in the middle of a piece."""
    limit = 400 * 1024  # less than the first piece has, more than any other file
    full = subprocess.run(
        build_command(deep, "w4a16", "--name", "full"), env=build_environment(folder), cwd=ROOT, capture_output=True,
        text=True, timeout=SECONDS, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    models_dir = folder / "var" / "model"
    assert (full.returncode, "Traceback" in full.stderr) == (1, False), full.stderr
    assert f"{models_dir} is full. What is finished is kept: free some space" in full.stderr
    assert not list(models_dir.glob("full@*"))
    assert not list(build_work(models_dir, "full").output.glob("*.safetensors"))
    assert quantize(deep, "w4a16", folder, "--name", "full")["pieces"] == {"made": 41, "kept": 0}


@pytest.mark.parametrize(("recipe", "calibrated"), [("bnb-nf4", False), ("w4a16", True)])
def test_result_is_served(
    recipe: RecipeName, calibrated: bool, tiny_checkpoints: dict[str, Path], folder: Path, tmp_path: Path
) -> None:
    """Those that the matrix has no cell for: stored by bitsandbytes, and made with texts."""
    options = ("--calibration", str(say_texts(tmp_path / "texts.jsonl")), *CALIBRATION) if calibrated else ()
    done = quantize(tiny_checkpoints["llama"], recipe, folder, *options, "--name", f"served-{recipe}")
    record = done["quantized"]["recipe"]
    assert record["modifier"] == ("GPTQModifier" if calibrated else "round-to-nearest")
    if calibrated:
        assert (record["calibration"]["samples"], record["calibration"]["seed"]) == (TEXTS, 3)
        assert TEXTS < record["calibration"]["tokens"] <= TEXTS * 32
    with running_engine(build_spec(Path(done["folder"])), tmp_path, enforce_eager=True) as engine:
        body = {"model": engine.model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
        answer = httpx.post(f"{engine.url}/v1/chat/completions", json=body, timeout=120, trust_env=False)
    assert answer.status_code == 200
    assert answer.json()["usage"]["completion_tokens"] >= 1
