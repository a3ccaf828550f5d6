"""The keeper of a scripted engine: real processes, real signals. What only vLLM can show is in tests/matrix."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from inference.metrics.types import EngineEvent
from inference.serving.command import Command, keeper_command
from inference.serving.events import EventLog, read_events
from inference.serving.keeper.exit_codes import EXIT_ENDED, EXIT_NOT_READY, EXIT_WEDGED
from inference.serving.keeper.outlook import KILL_SECONDS, TEARDOWN_SECONDS, Limits
from tests.engines.launch import DIE_WITH_PARENT, ROOT, free_port

WEBAPP_PYTHON = str(ROOT / ".venv" / "webapp" / "bin" / "python")
ENV = {
    "PATH": "/usr/bin:/bin",
    "PYTHONPATH": str(ROOT),
    "PYTHONUNBUFFERED": "1",
    "LANG": "C.UTF-8",
    "PYTHONFAULTHANDLER": "1",
}
PATIENCE_SECONDS = 30
# Flags and the signal are vLLM's, which the scripted engine has no use for.
SERVER = """
import signal, sys
from tests.engines.scripted import main
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
del sys.argv[sys.argv.index("--middleware"):]
main()
"""


class Kept:
    """A keeper that runs, and what it recorded."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, events: Path, log: Path) -> None:
        self.process, self.url, self.log, self._events = process, url, log, events

    @property
    def events(self) -> list[EngineEvent]:
        return read_events(self._events)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def wait_for(self, kind: str) -> EngineEvent:
        wait_until(lambda: kind in self.kinds)
        return next(event for event in self.events if event.kind == kind)

    def script(self, **rule: object) -> None:
        httpx.post(f"{self.url}/__script", json={"rules": [rule]}, trust_env=False).raise_for_status()

    def load(self, running: int) -> None:
        load = {"running": running, "waiting": 0}
        httpx.post(f"{self.url}/__load", json=load, trust_env=False).raise_for_status()


@contextmanager
def kept(folder: Path, *, limits: Limits, argv: tuple[str, ...] = (), answers: bool = True) -> Iterator[Kept]:
    port = free_port()
    server = argv or (WEBAPP_PYTHON, "-c", SERVER, "--port", str(port))
    keeper = keeper_command(
        Command(server, ENV), engine="engine", port=port if answers else None, events=folder / "events", limits=limits
    )
    command = Command((WEBAPP_PYTHON, *keeper.argv[1:]), ENV)
    log = folder / "keeper.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            (*DIE_WITH_PARENT, *command.argv), env=command.env, cwd=folder, stdout=output, stderr=output
        )
    try:
        yield Kept(process, f"http://127.0.0.1:{port}", folder / "events" / "engine.jsonl", log)
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


QUICK = Limits(start_seconds=20, wedged_seconds=6, drain_seconds=5)
PATIENT = Limits(start_seconds=20, wedged_seconds=300, drain_seconds=5)


def test_ready_is_recorded_with_how_long_it_took(tmp_path: Path) -> None:
    with kept(tmp_path, limits=PATIENT) as engine:
        event = engine.wait_for("engine_ready")
        assert engine.kinds == ["engine_started", "engine_ready"]
        assert event.seconds is not None
        assert 0 < event.seconds < PATIENCE_SECONDS


def test_engine_that_crashes_is_recorded_with_signal_and_last_words(tmp_path: Path) -> None:
    with kept(tmp_path, limits=PATIENT) as engine:
        engine.wait_for("engine_ready")
        os.kill(server_of(engine), signal.SIGKILL)
        assert engine.process.wait(PATIENCE_SECONDS) == EXIT_ENDED
    last = engine.events[-1]
    assert (last.kind, last.reason, last.signal, last.restarts) == (
        "engine_ended",
        "crashed",
        "SIGKILL",
        {"crashed": 1},
    )


def test_engine_that_says_why_it_ends_is_recorded_with_the_reason_in_a_sentence(tmp_path: Path) -> None:
    words = "import sys; print('RuntimeError: No CUDA GPUs are available', flush=True); print('more'); sys.exit(1)"
    with kept(tmp_path, limits=PATIENT, argv=(sys.executable, "-c", words)) as engine:
        assert engine.process.wait(PATIENCE_SECONDS) == EXIT_ENDED
    assert engine.events[-1].detail.startswith("No GPU is found any more")


def test_engine_that_ends_before_it_is_ready_is_recorded_with_its_code_and_last_lines(tmp_path: Path) -> None:
    argv = (sys.executable, "-c", "import sys; print('no memory left'); sys.exit(9)")
    with kept(tmp_path, limits=PATIENT, argv=argv) as engine:
        assert engine.process.wait(PATIENCE_SECONDS) == EXIT_ENDED
    assert (engine.events[-1].exit_code, engine.events[-1].signal) == (9, "")
    assert "no memory left" in EventLog(tmp_path / "events", "engine").path.read_text()
    assert "no memory left" in engine.log.read_text()


def test_engine_whose_requests_do_not_move_is_ended_and_its_stacks_are_in_the_log(tmp_path: Path) -> None:
    with kept(tmp_path, limits=QUICK) as engine:
        engine.wait_for("engine_ready")
        server = server_of(engine)
        engine.load(running=3)
        assert engine.process.wait(PATIENCE_SECONDS) == EXIT_WEDGED
        assert not is_alive(server)
        assert "Fatal Python error: Aborted" in engine.log.read_text()
    wedged, ended = engine.events[-2:]
    assert (wedged.kind, wedged.detail) == ("engine_wedged", "3 requests ran or waited, and nothing moved.")
    assert (ended.reason, ended.restarts, ended.seconds) == ("wedged", {"wedged": 1}, wedged.seconds)
    assert wedged.seconds is not None
    assert wedged.seconds >= QUICK.wedged_seconds


def test_idle_engine_that_writes_no_token_is_ended(tmp_path: Path) -> None:
    with kept(tmp_path, limits=QUICK) as engine:
        engine.wait_for("engine_ready")
        engine.script(status=500, message="The scheduler is stuck.")
        assert engine.process.wait(PATIENCE_SECONDS) == EXIT_WEDGED
    assert engine.events[-1].detail == "Nothing ran, and a request for one token was not answered."


def test_an_engine_that_is_aborted_leaves_no_core_with_what_callers_wrote(tmp_path: Path) -> None:
    with kept(tmp_path, limits=PATIENT) as engine:
        engine.wait_for("engine_ready")
        limits = Path(f"/proc/{server_of(engine)}/limits").read_text().splitlines()
    core = next(line for line in limits if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]


def test_idle_engine_that_writes_stays(tmp_path: Path) -> None:
    with kept(tmp_path, limits=QUICK) as engine:
        engine.wait_for("engine_ready")
        time.sleep(3 * QUICK.wedged_seconds)
        assert engine.process.poll() is None


def test_engine_that_never_answers_is_given_up(tmp_path: Path) -> None:
    limits = Limits(start_seconds=1.5, wedged_seconds=300, drain_seconds=5)
    with kept(tmp_path, limits=limits, argv=("/bin/sh", "-c", "sleep 1000")) as engine:
        assert engine.process.wait(PATIENCE_SECONDS) == EXIT_NOT_READY
    assert engine.events[-1].detail == "It was not ready after 2 seconds."


def test_node_that_answers_nowhere_is_waited_for(tmp_path: Path) -> None:
    limits = Limits(start_seconds=0.5, wedged_seconds=1, drain_seconds=5)
    with kept(tmp_path, limits=limits, argv=("/bin/sh", "-c", "sleep 3; exit 8"), answers=False) as engine:
        assert engine.process.wait(PATIENCE_SECONDS) == EXIT_ENDED
    assert (engine.kinds, engine.events[-1].exit_code) == (["engine_started", "engine_ended"], 8)


def test_stopping_lets_a_stream_end(tmp_path: Path) -> None:
    with kept(tmp_path, limits=PATIENT) as engine:
        engine.wait_for("engine_ready")
        engine.script(token_delay_seconds=0.1)
        answer: list[str] = []
        stream = threading.Thread(target=read_stream, args=(engine.url, answer))
        stream.start()
        wait_until(lambda: len(answer) > 2)
        engine.process.terminate()
        assert engine.process.wait(PATIENCE_SECONDS) == 0
        stream.join(PATIENCE_SECONDS)
    assert answer[-1] == "data: [DONE]"
    assert (engine.events[-1].kind, engine.events[-1].detail, engine.events[-1].restarts) == ("engine_drained", "", {})


def read_stream(url: str, into: list[str]) -> None:
    body = {"model": "scripted-test-engine", "messages": [{"role": "user", "content": "When?"}], "stream": True}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60, trust_env=False) as response:
        for line in response.iter_lines():
            into += [line] if line else []


def test_stream_that_takes_too_long_is_cut_off_and_that_is_said(tmp_path: Path) -> None:
    limits = Limits(start_seconds=20, wedged_seconds=300, drain_seconds=1)
    with kept(tmp_path, limits=limits) as engine:
        engine.wait_for("engine_ready")
        engine.script(token_delay_seconds=60)
        stream = threading.Thread(target=read_cut_stream, args=(engine.url,))
        stream.start()
        wait_until(lambda: httpx.get(f"{engine.url}/__state", trust_env=False).json()["open_streams"] == 1)
        engine.process.terminate()
        assert engine.process.wait(PATIENCE_SECONDS) == 0
        stream.join(PATIENCE_SECONDS)
    assert engine.events[-1].detail == "Requests that still ran after 1 seconds were cut off."


def read_cut_stream(url: str) -> None:
    with pytest.raises(httpx.HTTPError):
        read_stream(url, [])


def test_what_does_not_end_when_asked_is_killed_in_time(tmp_path: Path) -> None:
    argv = ("/bin/sh", "-c", "trap '' TERM; while true; do sleep 1; done")
    with kept(tmp_path, limits=PATIENT, argv=argv) as engine:
        engine.wait_for("engine_started")
        started = time.monotonic()
        engine.process.terminate()
        assert engine.process.wait(PATIENCE_SECONDS) == 0
        assert time.monotonic() - started < TEARDOWN_SECONDS + KILL_SECONDS, "nothing ran: nothing is waited for"
    assert (engine.events[-1].kind, engine.events[-1].detail) == ("engine_drained", "")


def test_nothing_outlives_a_keeper_that_is_killed_and_the_next_one_records_it(tmp_path: Path) -> None:
    argv = ("/bin/sh", "-c", "sleep 1000 & sleep 1000 & wait")
    with kept(tmp_path, limits=PATIENT, argv=argv) as engine:
        wait_until(lambda: len(descendants(engine.process.pid)) == 4)  # the witness, the shell and two of its own
        family = descendants(engine.process.pid)
        engine.process.kill()
        engine.process.wait()
        wait_until(lambda: not any(is_alive(pid) for pid in family))
    with kept(tmp_path, limits=PATIENT, argv=argv) as engine:
        wait_until(lambda: engine.kinds == ["engine_started", "engine_ended", "engine_started"])
    assert (engine.events[1].reason, engine.events[1].restarts) == ("lost", {"lost": 1})


def test_children_that_lost_their_parent_are_gone_with_the_engine(tmp_path: Path) -> None:
    argv = ("/bin/sh", "-c", "(sleep 1000 & sleep 1000 &) ; exit 5")
    with kept(tmp_path, limits=PATIENT, argv=argv) as engine:
        assert engine.process.wait(PATIENCE_SECONDS) == EXIT_ENDED
        assert descendants(engine.process.pid) == []
    assert engine.events[-1].exit_code == 5


def server_of(engine: Kept) -> int:
    found = [pid for pid in descendants(engine.process.pid) if b"tests.engines.scripted" in command_of(pid)]
    assert len(found) == 1
    return found[0]


def command_of(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").partition(b"-- ")[0]
    return b""


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            found += [child, *descendants(child)]
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
