"""A real supervisord keeps programs running, takes over a changed configuration, and leaves nothing behind."""

import os
import shutil
import signal
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from appliance.local.directories import ensure_directories
from appliance.local.identity import Identity
from appliance.local.processes import find_marked, stop
from appliance.local.supervisor import Supervisor, process_is_alive
from appliance.local.supervisor_config import build_supervisor_config
from appliance.programs import MARKER, Program
from appliance.settings import Settings

PATIENCE_SECONDS = 30


@pytest.fixture
def settings() -> Iterator[Settings]:
    folder = Path(tempfile.mkdtemp(prefix="appl-"))
    folder.chmod(0o755)
    yield Settings(data_dir=folder / "var")
    shutil.rmtree(folder)


@pytest.fixture
def supervisor(settings: Settings, appliance_identity: Identity) -> Iterator[Supervisor]:
    ensure_directories(settings, appliance_identity)
    supervisor = Supervisor(settings, appliance_identity)
    yield supervisor
    supervisor.shut_down()
    stop(find_marked(settings))


def sleeper(settings: Settings, name: str, seconds: int = 1000) -> Program:
    return Program(name, ("/bin/sleep", str(seconds)), {MARKER: str(settings.data_dir)})


def configure(supervisor: Supervisor, *programs: Program) -> bool:
    return supervisor.write_configuration(build_supervisor_config(supervisor.settings, programs))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def is_running(supervisor: Supervisor, name: str) -> bool:
    return supervisor.list_states()[name].state == "RUNNING"


def test_nothing_runs_before_it_is_started(supervisor: Supervisor) -> None:
    assert supervisor.find_pid() is None
    assert supervisor.list_states() == {}
    configure(supervisor, sleeper(supervisor.settings, "one"))
    supervisor.start()
    assert not supervisor.list_states()["one"].is_running


def test_supervisor_and_programs_run_as_the_components_user(supervisor: Supervisor) -> None:
    configure(supervisor, sleeper(supervisor.settings, "one"))
    pid = supervisor.start()
    supervisor.start_program("one")
    wait_for(lambda: is_running(supervisor, "one"))
    owners = {Path(f"/proc/{each}").stat().st_uid for each in (pid, supervisor.list_states()["one"].pid)}
    assert owners == {supervisor.identity.uid}


def test_killed_program_is_started_again(supervisor: Supervisor) -> None:
    configure(supervisor, sleeper(supervisor.settings, "one"))
    supervisor.start()
    supervisor.start_program("one")
    wait_for(lambda: is_running(supervisor, "one"))
    before = supervisor.list_states()["one"].pid
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: is_running(supervisor, "one") and supervisor.list_states()["one"].pid != before)


def test_starting_and_stopping_twice_is_the_same_as_once(supervisor: Supervisor) -> None:
    configure(supervisor, sleeper(supervisor.settings, "one"))
    supervisor.start()
    supervisor.start_program("one")
    wait_for(lambda: is_running(supervisor, "one"))
    pid = supervisor.list_states()["one"].pid
    supervisor.start_program("one")
    assert supervisor.list_states()["one"].pid == pid
    supervisor.stop_program("one")
    supervisor.stop_program("one")
    assert not process_is_alive(pid)


def test_changed_configuration_stops_only_what_changed(supervisor: Supervisor) -> None:
    settings = supervisor.settings
    assert configure(supervisor, sleeper(settings, "kept"), sleeper(settings, "changed"), sleeper(settings, "removed"))
    supervisor.start()
    for name in ("kept", "changed", "removed"):
        supervisor.start_program(name)
    wait_for(lambda: all(is_running(supervisor, name) for name in ("kept", "changed", "removed")))
    kept = supervisor.list_states()["kept"].pid
    assert configure(
        supervisor, sleeper(settings, "kept"), sleeper(settings, "changed", 999), sleeper(settings, "added")
    )
    assert set(supervisor.apply_configuration()) == {"changed", "removed"}
    states = supervisor.list_states()
    assert states.keys() == {"kept", "changed", "added"}
    assert (states["kept"].pid, states["changed"].is_running) == (kept, False)


def test_same_configuration_changes_nothing(supervisor: Supervisor) -> None:
    configure(supervisor, sleeper(supervisor.settings, "one"))
    supervisor.start()
    assert not configure(supervisor, sleeper(supervisor.settings, "one"))
    assert supervisor.apply_configuration() == ()


def test_shutting_down_leaves_no_process(supervisor: Supervisor) -> None:
    configure(supervisor, sleeper(supervisor.settings, "one"), sleeper(supervisor.settings, "two"))
    pid = supervisor.start()
    for name in ("one", "two"):
        supervisor.start_program(name)
    wait_for(lambda: is_running(supervisor, "one") and is_running(supervisor, "two"))
    supervisor.shut_down()
    assert supervisor.find_pid() is None
    assert not process_is_alive(pid)
    assert find_marked(supervisor.settings) == []


def test_what_a_killed_supervisor_left_is_found_and_stopped(supervisor: Supervisor) -> None:
    configure(supervisor, sleeper(supervisor.settings, "one"))
    pid = supervisor.start()
    supervisor.start_program("one")
    wait_for(lambda: is_running(supervisor, "one"))
    child = supervisor.list_states()["one"].pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not process_is_alive(pid))
    assert supervisor.find_pid() is None
    assert find_marked(supervisor.settings) == [child]
    stop([child])
    assert find_marked(supervisor.settings) == []


def test_programs_get_nothing_from_the_callers_environment(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMETHING_PRIVATE", "value")
    configure(supervisor, sleeper(supervisor.settings, "one"))
    supervisor.start()
    supervisor.start_program("one")
    wait_for(lambda: is_running(supervisor, "one"))
    pid = supervisor.list_states()["one"].pid
    names = {
        entry.partition(b"=")[0].decode() for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if entry
    }
    assert {name for name in names if not name.startswith("SUPERVISOR_")} == {"PATH", "LANG", "HOME", MARKER}


@pytest.mark.parametrize(("code", "is_told"), [(50, False), (60, False), (20, True)])
def test_program_that_ends_at_once_is_no_error_of_whoever_starts_it(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, code: int, is_told: bool
) -> None:
    """Supervisord answers with SPAWN_ERROR when it hears of the end in time. NO_FILE is told."""

    def answer(*_: object) -> None:
        raise xmlrpc.client.Fault(code, "said by supervisord")

    monkeypatch.setattr(Supervisor, "_call", answer)
    with pytest.raises(xmlrpc.client.Fault) if is_told else nullcontext():
        supervisor.start_program("any")
    monkeypatch.undo()


def test_program_that_ends_with_its_final_code_stays_ended_and_any_other_end_is_mended(supervisor: Supervisor) -> None:
    settings = supervisor.settings
    mark, marks = {MARKER: str(settings.data_dir)}, settings.data_dir / "marks"
    refused = Program("refused", ("/bin/sh", "-c", f"echo x >> {marks}; exit 4"), mark, final_code=4)
    once = f"test -e {marks}.again && exec sleep 1000; : > {marks}.again; exit 7"
    broken = Program("broken", ("/bin/sh", "-c", once), mark, final_code=4)
    configure(supervisor, refused, broken)
    supervisor.start()
    for name in ("refused", "broken"):
        supervisor.start_program(name)
    wait_for(lambda: supervisor.list_states()["refused"].state == "EXITED")
    wait_for(lambda: is_running(supervisor, "broken") and Path(f"{marks}.again").exists())
    time.sleep(2)
    assert marks.read_text() == "x\n"
    assert supervisor.list_states()["refused"].state == "EXITED"
    assert is_running(supervisor, "broken")
