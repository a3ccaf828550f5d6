"""Processes of this installation, found by the mark in their environment: what a killed supervisor left behind."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from appliance.local.supervisor import process_is_alive
from appliance.programs import MARKER
from appliance.settings import Settings

PROC = Path("/proc")
GENTLE_SECONDS = 15


def find_marked(settings: Settings) -> list[int]:
    """Pids of living processes that carry this data directory's mark.

    PostgreSQL and Redis write their titles over their environment: they are known by their files.
    """
    mark = f"{MARKER}={settings.data_dir}".encode()
    cluster = str(settings.data_dir / "postgres").encode()
    redis_files = {str(settings.data_dir / "redis" / "redis.conf"), str(settings.run_dir / "redis" / "redis.sock")}
    found = set()
    for pid in _all_pids():
        command = _read(pid, "cmdline").split(b"\0")
        is_postgres = command[0].endswith(b"/postgres") and cluster in command
        is_redis = b"-server" in command[0] and any(name.encode() in b" ".join(command) for name in redis_files)
        if is_postgres or is_redis or mark in _read(pid, "environ").split(b"\0"):
            found.add(pid)
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


def _read(pid: int, name: str) -> bytes:
    """A file of /proc; empty where the process ended, or belongs to somebody else."""
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
