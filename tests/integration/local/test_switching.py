"""Changing an appliance that runs, with a real supervisor: what a failure or Ctrl-C leaves is whole, or said."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.local.bringing_up import BringingUp
from appliance.local.directories import ensure_directories
from appliance.local.engines import NO_ENGINES, Engines
from appliance.local.identity import Identity
from appliance.local.instance import LocalAppliance
from appliance.local.prepared import Prepared
from appliance.local.processes import find_marked, stop
from appliance.local.release import Release
from appliance.local.reporting import Step
from appliance.local.supervisor_config import build_supervisor_config
from appliance.programs import MARKER, Installation, Program
from appliance.settings import Settings, environment
from inference.registry.spec import ModelSpec

PATIENCE_SECONDS = 30
RELEASE = Release("w", "i", "d")


class Kept:
    """A report that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        class Shown:
            note = title

        yield Shown()

    def say(self, text: str) -> None:
        self.said.append(text)


class Switching(BringingUp):
    """Programs that sleep in place of the components; the engine sleeps for as long as its model says."""

    engine_runs_when_told: bool | None = None
    engine_seconds = 1000

    def _build_programs(self, release: Release, engines: Engines) -> tuple[Program, ...]:
        return tuple(
            Program(name, ("/bin/sleep", str(seconds)), {MARKER: str(self.local.settings.data_dir)})
            for name, seconds in (("postgres", 1000), ("engine", self.engine_seconds), ("web", 1000))
        )

    def _tell_about_models(self, done: Prepared, ready: Mapping[str, ModelSpec]) -> Prepared:
        assert not ready
        self.engine_runs_when_told = "engine" in self.local.list_running()
        return done

    def _run(self, *, was_up: bool) -> object:  # type: ignore[override]  # never returns
        assert was_up
        self._apply(RELEASE, NO_ENGINES, Prepared(), settled=True)
        self._start("engine")
        wait_for(self.local, "engine")
        raise KeyboardInterrupt


def wait_for(local: LocalAppliance, *names: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(local.supervisor.list_states()[name].state == "RUNNING" for name in names):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def local(appliance_identity: Identity) -> Iterator[LocalAppliance]:
    """A running appliance of sleeping programs."""
    folder = Path(tempfile.mkdtemp(prefix="appl-"))
    folder.chmod(0o755)
    installation = Installation(environment.REPOSITORY, folder / "appliance.yaml", Path(sys.executable))
    local = LocalAppliance(Settings(data_dir=folder / "var"), installation)
    ensure_directories(local.settings, local.identity)
    programs = Switching(local, Kept())._build_programs(RELEASE, NO_ENGINES)
    local.supervisor.write_configuration(build_supervisor_config(local.settings, programs))
    local.supervisor.start()
    for program in programs:
        local.supervisor.start_program(program.name)
    wait_for(local, "postgres", "engine", "web")
    yield local
    local.supervisor.shut_down()
    stop(find_marked(local.settings))
    shutil.rmtree(folder)


def test_model_is_withdrawn_before_its_engine_is_switched(local: LocalAppliance) -> None:
    switching = Switching(local, Kept())
    switching.engine_seconds = 999
    switching._apply(RELEASE, NO_ENGINES, Prepared(), settled=True)
    assert switching.engine_runs_when_told
    assert local.list_running() == {"postgres", "web"}


def test_model_stays_when_its_engine_does(local: LocalAppliance) -> None:
    switching = Switching(local, Kept())
    switching._apply(RELEASE, NO_ENGINES, Prepared(), settled=True)
    assert switching.engine_runs_when_told is None
    assert local.list_running() == {"postgres", "engine", "web"}


def test_interrupted_switch_leaves_no_engine_that_nobody_knows_and_says_so(local: LocalAppliance) -> None:
    report = Kept()
    switching = Switching(local, report)
    switching.engine_seconds = 999
    with pytest.raises(KeyboardInterrupt):
        switching.run()
    assert local.list_running() == {"postgres", "web"}
    assert report.said[-1] == (
        "  The appliance is only partly up: engine stopped. Start again what is missing with: bin/appliance up"
    )
