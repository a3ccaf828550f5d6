"""An engine for as long as a block lasts: started through the appliance's own command, stopped whatever happens.

It has a process group of its own, so that a terminal's Ctrl-C reaches this program alone, which then stops it; and the
kernel tells it to end when this program is killed.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.comparing.engine import Engine
from inference.comparing.errors import CompareError, EngineDidNotStartError, EngineGoneError
from inference.serving.argv import LOOPBACK
from inference.serving.command import Command
from inference.serving.readiness import CANARY_SECONDS, check_engine

DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM", "--")
LOG_TAIL_CHARACTERS = 3000
STOP_SECONDS = 20
POLL_SECONDS = 0.3


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_engine(command: Command, *, model: str, port: int, log: Path, ready_seconds: float) -> Iterator[Engine]:
    """Enter the block when ``model`` answers. Raises EngineDidNotStartError; inside, an engine that dies is named."""
    for folder in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        Path(command.env[folder]).mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            (*DIE_WITH_PARENT, *command.argv), env=command.env, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        engine = Engine(f"http://{LOOPBACK}:{port}", model)
        _wait_until_ready(process, engine, log=log, ready_seconds=ready_seconds)
        try:
            yield engine
        except EngineGoneError as error:
            raise _explain_end(process, error, log) from None
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask, then insist; its children are in its group and go with it."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _wait_until_ready(process: "subprocess.Popen[bytes]", engine: Engine, *, log: Path, ready_seconds: float) -> None:
    deadline = time.monotonic() + ready_seconds
    while True:
        seen = check_engine(engine.url, seconds=min(CANARY_SECONDS, ready_seconds))
        if process.poll() is not None:
            raise EngineDidNotStartError(
                f"The engine for the comparison ended with {process.returncode} before it was ready. The end of its "
                f"log:\n{_read_tail(log)}"
            )
        if seen.ready and seen.model == engine.model:
            return
        if time.monotonic() > deadline:
            raise EngineDidNotStartError(
                f"The engine for the comparison was not ready in {ready_seconds:.0f} seconds, which "
                f"model.start_timeout_seconds allows ({seen.reason}). The end of its log:\n{_read_tail(log)}"
            )
        time.sleep(POLL_SECONDS)


def _explain_end(process: "subprocess.Popen[bytes]", error: EngineGoneError, log: Path) -> CompareError:
    """A child that died, perhaps for want of memory, is told from one that is merely silent."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)
    if process.returncode is None:
        return error
    killed = (
        "; a kill (-9) nobody asked for is often the kernel's, for want of memory" if process.returncode == -9 else ""
    )
    return EngineGoneError(
        f"{error} It ended with {process.returncode}{killed}. The end of its log:\n{_read_tail(log)}"
    )


def _read_tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:]
