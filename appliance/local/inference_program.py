"""Run a program of the inference environment to its end: a request in, events out, and nothing of it left behind.

The program reads one JSON document and writes JSON lines: ``{"step": ..., "done": ..., "total": ...}``, and at last
``{"result": ...}`` or ``{"refused": message}``. It gets a closed environment and a folder that is removed afterwards.
"""

import contextlib
import fcntl
import json
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from appliance.local.environments import ENVIRONMENTS
from appliance.local.errors import LocalError
from appliance.local.instance import LocalAppliance
from appliance.local.interrupts import uninterrupted
from appliance.settings.files import UnsafePathError, create_anew, make_folder, make_new, open_kept, remove_tree
from inference.serving.environment import build_embedder_environment

TAIL_CHARACTERS = 2000
LOCK = ".lock"
STOP_SECONDS = 90  # the engine that it started is asked for 20, and then told
DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM", "--")
See = Callable[[str, int, int], None]


@contextmanager
def working_folder(local: LocalAppliance, name: str, contents: Mapping[str, bytes] | None = None) -> Iterator[Path]:
    """A new folder in the data directory that belongs to the components' user and is for no other, until the block
    ends. ``contents`` are files in it, by name. Whoever uses one holds its lock, so that one whose user was killed is
    known, and is removed by the next."""
    make_folder(local.settings.data_dir, mode=0o755)
    remove_abandoned(local.settings.data_dir, name)
    folder = local.settings.data_dir / f"{name}-{uuid.uuid4().hex[:12]}"
    try:
        with make_new(folder, mode=0o700) as held, create_anew(held / LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for file, content in (contents or {}).items():
                with create_anew(held / file, mode=0o600) as stream:
                    stream.write(content)
            local.identity.own(held)  # last: from here on it is another user's, and nothing is written there by this
            yield folder
    finally:
        with uninterrupted():
            remove_tree(folder, ignore_errors=True)


def remove_abandoned(data_dir: Path, name: str) -> None:
    """Folders of that kind whose lock nobody holds. One without a lock is being made at this moment."""
    for folder in data_dir.glob(f"{name}-*"):
        with contextlib.suppress(OSError, UnsafePathError), open_kept(folder / LOCK, "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(folder, ignore_errors=True)


def run(local: LocalAppliance, module: str, request: dict[str, Any], *, folder: Path, see: See) -> Any:
    """The result. Raises LocalError with the program's own words, or the end of what it wrote."""
    python = ENVIRONMENTS / "inference" / "bin" / "python"
    environment = build_embedder_environment(python=python, data_dir=folder, root=local.installation.root)
    argv = [*local.identity.prefix, *DIE_WITH_PARENT, str(python), "-m", module]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        process = subprocess.Popen(
            argv, env=environment, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True,
        )  # fmt: skip
        try:
            found = _follow(process, request, see)
            process.wait()
        except BaseException:
            _stop(process)
            raise
        if "result" in found:
            return found["result"]
        raise LocalError(found.get("refused") or _explain(process, complaints))


def _follow(process: "subprocess.Popen[str]", request: dict[str, Any], see: See) -> dict[str, Any]:
    """The last event; empty when the program ended without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as stream:
        json.dump(request, stream)
    found: dict[str, Any] = {}
    with process.stdout as lines:
        for line in lines:
            with contextlib.suppress(ValueError):
                found = json.loads(line)
                if "step" in found:
                    see(found["step"], found["done"], found["total"])
    return found


def _stop(process: "subprocess.Popen[str]") -> None:
    """Wait until it has stopped what it started. A terminal's Ctrl-C reached it too; it hears the first signal only."""
    with uninterrupted():
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _explain(process: "subprocess.Popen[str]", complaints: IO[str]) -> str:
    complaints.seek(0)
    tail = complaints.read()[-TAIL_CHARACTERS:].strip()
    return f"The program in the inference environment ended with {process.returncode}:\n{tail}"
