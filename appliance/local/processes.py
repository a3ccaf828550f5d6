"""Processes of this installation, found by the mark in their environment: what a killed supervisor left behind."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from appliance.local.programs import MARKER
from appliance.local.supervisor import process_is_alive

PROC = Path("/proc")
GENTLE_SECONDS = 15


def find_marked(data_dir: Path) -> list[int]:
    """Pids of living processes that carry this data directory's mark, and of its PostgreSQL, which hides its own."""
    mark = f"{MARKER}={data_dir}".encode()
    found = {pid for pid in _all_pids() if mark in _read_environment(pid)}
    if (postmaster := _find_postmaster(data_dir)) is not None:
        found.add(postmaster)
    return sorted(pid for pid in found - {os.getpid()} if process_is_alive(pid))


def stop(pids: Iterable[int]) -> None:
    """TERM, then KILL what does not listen."""
    waiting = [pid for pid in pids if _send(pid, signal.SIGTERM)]
    deadline = time.monotonic() + GENTLE_SECONDS
    while waiting and time.monotonic() < deadline:
        time.sleep(0.1)
        waiting = [pid for pid in waiting if process_is_alive(pid)]
    for pid in waiting:
        _send(pid, signal.SIGKILL)
    while any(process_is_alive(pid) for pid in waiting):
        time.sleep(0.05)


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _read_environment(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended, or belongs to somebody else
        return []


def _find_postmaster(data_dir: Path) -> int | None:
    """The postmaster's pid by its lock file, when that process really is a PostgreSQL on this cluster."""
    cluster = data_dir / "postgres"
    try:
        pid = int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        command = (PROC / str(pid) / "cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if str(cluster).encode() in command else None


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
