"""An engine whose model went bad while it ran is not started again, and its state says why."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.local.directories import ensure_directories
from appliance.local.health import HealthChecks
from appliance.local.identity import Identity
from appliance.local.supervisor import ProgramState, Supervisor
from appliance.local.supervisor_config import build_supervisor_config
from appliance.programs import Program
from appliance.settings import Settings, environment
from appliance.topology import build_topology
from inference.serving.command import Command
from inference.serving.events import EventLog
from inference.serving.guard import guard_command
from inference.serving.keeper.exit_codes import EXIT_REFUSED
from tests.unit.inference.model_folders import FIRST, write_model

PATIENCE_SECONDS = 30


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="appl-"))
    yield folder
    shutil.rmtree(folder)


def wait_for(supervisor: Supervisor, state: str) -> ProgramState:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := supervisor.list_states()["engine"]).state != state:
        assert time.monotonic() < deadline, f"it is {found.state}, not {state}"
        time.sleep(0.05)
    return found


def test_model_that_goes_bad_is_refused_once_and_its_state_says_why(folder: Path) -> None:
    settings, identity = Settings(data_dir=folder / "var"), Identity(os.getuid(), os.getgid(), ())
    ensure_directories(settings, identity)
    model = write_model(folder / "m")
    # Stands for vLLM: what matters here comes before it.
    engine = Command(("/bin/sleep", "1000"), {"PYTHONPATH": str(environment.REPOSITORY), "PATH": "/usr/bin:/bin"})
    guarded = guard_command(
        engine, model, python=Path(sys.executable), models_dir=settings.data_dir / "model", events=settings.events_dir
    )
    program = Program("engine", guarded.argv, guarded.env, stops_group=False, final_code=EXIT_REFUSED)
    supervisor = Supervisor(settings, identity)
    supervisor.write_configuration(build_supervisor_config(settings, [program]))
    supervisor.start()
    try:
        supervisor.start_program("engine")
        before = wait_for(supervisor, "RUNNING").pid
        while Path(f"/proc/{before}/comm").read_text() != "sleep\n":
            time.sleep(0.05)
        with (model / FIRST).open("r+b") as stream:
            stream.seek(-1, 2)
            stream.write(b"\x01")
        os.kill(before, signal.SIGKILL)
        log = EventLog(settings.events_dir, "engine").path
        while not log.exists() or "model_refused" not in log.read_text():  # the kill's own end comes before it
            time.sleep(0.05)
        ended = wait_for(supervisor, "EXITED")
        time.sleep(2)
        assert supervisor.list_states()["engine"].state == "EXITED"
        topology = build_topology(settings)
        health = HealthChecks(settings, identity, topology).check(topology.component("engine"), ended)
        assert not health.ok
        assert health.detail.startswith("the model is refused: ")
        assert FIRST in health.detail
        assert log.read_text().count("model_refused") == 1
    finally:
        supervisor.shut_down()
