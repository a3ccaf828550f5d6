"""The pieces of ``make test-gpu`` that need no GPU: the recorder over a stand-in for NVIDIA's library, and refusals."""

import json
import subprocess
from datetime import date
from pathlib import Path

import pytest

from inference.metrics.replay import ReplayedPort, open_replay
from tests.engines.launch import INFERENCE_PYTHON, ROOT
from tests.gpu import recording
from tests.gpu.ground import find_lack, main
from tests.gpu.measuring import Comparison, build_name, render_page
from tests.gpu.recording import NothingToRecordError

RECORD = (
    "import pynvml; from tests.serving.nvml_stand_in import Library; pynvml.nvmlLib = Library();"
    "import sys; from tests.gpu.recording import main; sys.exit(main())"
)


def run_recorder(path: Path) -> "subprocess.CompletedProcess[str]":
    argv = [str(INFERENCE_PYTHON), "-P", "-c", RECORD, "--about", "Two L4 that are not there.", "--write", str(path)]
    return subprocess.run(
        argv, env={"PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_recorded_answers_make_the_reading_that_they_made_live(tmp_path: Path) -> None:
    done = run_recorder(tmp_path / "recorded.json")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "recorded.json").read_text())
    assert (document["source"], document["about"]) == ("recorded", "Two L4 that are not there.")
    source = open_replay(tmp_path / "recorded.json")
    state = source.read()
    assert (source.source, state.driver_version, state.problem) == ("recorded", "580.95.05", "")
    first, second = state.gpus
    assert (first.name, first.memory_used_bytes, first.power_watts, first.ecc_corrected) == ("NVIDIA L4", 40, 70.5, 5)
    assert first.power_limit_watts is None  # the stand-in is of a driver that does not know it
    assert document["devices"][0]["nvmlDeviceGetEnforcedPowerLimit"] == {"error": "FUNCTION_NOT_FOUND"}
    assert (first.uuid, second.uuid) == (
        "GPU-00000000-0000-4000-8000-000000000000", "GPU-00000000-0000-4000-8000-000000000001",
    )  # fmt: skip


def test_nothing_is_recorded_where_there_is_no_driver() -> None:
    port = ReplayedPort({"source": "authored", "init": "LIBRARY_NOT_FOUND"})
    with pytest.raises(NothingToRecordError, match=r"No NVIDIA driver is installed on this host\."):
        recording.record(port, about="Nothing.")


def test_tier_without_a_gpu_says_so_and_is_not_green(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.gpu.ground.list_gpus", tuple)
    assert main() == 1
    assert capsys.readouterr().err == "There is no NVIDIA GPU on this machine: nothing that needs one was tested.\n"


def test_tier_says_what_is_missing_beside_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.gpu.ground.list_gpus", lambda: ("a GPU",))
    assert "make test-gpu GPU_MODEL=folder" in find_lack(None)
    assert "no config.json" in find_lack(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert "vLLM's CPU build" in find_lack(str(tmp_path))


def test_page_is_whole() -> None:
    compared = [
        Comparison("Weights on each GPU", "bytes", 990.0, 1000.0), Comparison("KV cache", "tokens", 2048, 2000),
        Comparison("Conversations at once", "", 2.5, None),
    ]  # fmt: skip
    page = render_page(
        model="qwen3-8b", device="NVIDIA L4", versions={"vllm": "0.32.0"}, compared=compared, benched="| a |\n",
        on=date(2026, 3, 2),
    )  # fmt: skip
    assert page == (
        "# qwen3-8b on NVIDIA L4\n\nMeasured by `make test-gpu` on 2026-03-02 with vllm 0.32.0.\n\n"
        "## Planned and seen\n\n| | `models plan` | vLLM's log | Plan above it |\n|---|---|---|---|\n"
        "| Weights on each GPU | 990 bytes | 1,000 bytes | -1.0% |\n"
        "| KV cache | 2,048 tokens | 2,000 tokens | +2.4% |\n"
        "| Conversations at once | 2.50 | not logged | - |\n\n## Serving\n\n| a |\n"
    )
    assert build_name(model="qwen3-8b", device="2 x NVIDIA L4") == "qwen3-8b-2-x-nvidia-l4.md"
