"""A temporary engine never outlives what started it. The engine here is a program that sleeps, with a child."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.local.supervisor import process_is_alive
from inference.comparing.errors import EngineDidNotStartError, EngineGoneError
from inference.comparing.temporary import find_free_port, running_engine
from inference.serving.command import Command
from tests.engines.launch import ROOT

SLEEPS = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""
RUNS = """
import sys
from pathlib import Path
from inference.comparing.temporary import find_free_port, running_engine
from inference.dialogue import interrupt_once
from inference.serving.command import Command
from tests.unit.inference.comparing.test_temporary import build
interrupt_once()
try:
    with running_engine(build(Path(sys.argv[1])), model="m", port=find_free_port(), log=Path(sys.argv[1]) / "log",
                        ready_seconds=600):
        pass
except KeyboardInterrupt:
    sys.exit(130)
"""


def build(folder: Path, program: str = SLEEPS) -> Command:
    env = {name: str(folder / "home") for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    return Command((sys.executable, "-c", program, str(folder / "pids")), env | {"PATH": "/usr/bin:/bin"})


def read_pids(folder: Path) -> list[int]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if (folder / "pids").exists() and len(pids := (folder / "pids").read_text().split()) == 2:
            return [int(pid) for pid in pids]
        time.sleep(0.05)
    raise AssertionError("the sleeping program did not start")


def all_gone(pids: list[int], seconds: float = 25) -> bool:
    deadline = time.monotonic() + seconds
    while any(process_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(process_is_alive(pid) for pid in pids)


def test_engine_that_is_not_ready_in_time_is_stopped_with_its_children(tmp_path: Path) -> None:
    with (
        pytest.raises(EngineDidNotStartError, match=r"was not ready in 5 seconds"),
        running_engine(build(tmp_path), model="m", port=find_free_port(), log=tmp_path / "log", ready_seconds=5),
    ):
        pass
    assert all_gone(read_pids(tmp_path))


def test_engine_that_ends_is_refused_with_the_end_of_its_log(tmp_path: Path) -> None:
    command = build(tmp_path, "print('no such model'); raise SystemExit(3)")
    with (
        pytest.raises(EngineDidNotStartError, match=r"(?s)ended with 3 before it was ready.*no such model"),
        running_engine(command, model="m", port=find_free_port(), log=tmp_path / "log", ready_seconds=30),
    ):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_the_engine_first(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", RUNS, str(tmp_path)], cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    pids = read_pids(tmp_path)
    process.send_signal(number)
    process.send_signal(signal.SIGINT)  # impatience changes nothing
    assert process.wait(30) == 130
    assert all_gone(pids, seconds=1)


def test_engine_ends_with_a_program_that_was_killed(tmp_path: Path) -> None:
    """The kernel asks the engine to end; vLLM takes its own children with it, which this stand-in does not."""
    process = subprocess.Popen([sys.executable, "-c", RUNS, str(tmp_path)], cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    engine, child = read_pids(tmp_path)
    process.kill()
    process.wait(10)
    assert all_gone([engine])
    os.kill(child, signal.SIGKILL)


def test_engine_that_dies_in_the_middle_is_told_from_a_silent_one(tmp_path: Path, scripted_engine: str) -> None:
    port = int(scripted_engine.rsplit(":", 1)[1])

    def use_and_lose() -> None:
        with running_engine(
            build(tmp_path), model="scripted-test-engine", port=port, log=tmp_path / "log", ready_seconds=30
        ) as engine:
            os.kill(read_pids(tmp_path)[0], signal.SIGKILL)
            raise EngineGoneError(f"The engine {engine.model} does not answer any more.")

    with pytest.raises(EngineGoneError, match=r"(?s)does not answer.*It ended with -9.*for want of memory"):
        use_and_lose()
    assert all_gone(read_pids(tmp_path))
