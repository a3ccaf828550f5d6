"""Start a program and wait until its component is healthy, or say why it is not."""

import time
from collections import deque
from pathlib import Path

from appliance.local.errors import ComponentError
from appliance.local.instance import LocalAppliance
from appliance.local.supervisor import ProgramState
from appliance.topology import list_engines
from inference.serving.explaining import explain

POLL_SECONDS = 0.2
TAIL_LINES = 15
CAUSE_LINES = 300
# A program that ends this often before it is healthy will not get better by waiting.
STARTS_ALLOWED = 4
STARTS_ALLOWED_FOR_MODELS = 1
SECONDS = {
    "postgres": 90, "redis": 20, "embedder": 240, "engine-proxy": 60, "web": 90, "worker": 90, "ingester": 90,
    "scheduler": 60,
}  # fmt: skip


def wait_until_healthy(local: LocalAppliance, name: str, *, log_from: int = 0) -> str:
    """What the check saw. Raises :class:`ComponentError` with the end of the log; ``log_from`` is how many bytes of it
    there were before this start."""
    component = local.topology.component(name)
    engines = list_engines(local.settings)
    seconds = engines[name].start_timeout_seconds if name in engines else SECONDS[name]
    starts = STARTS_ALLOWED_FOR_MODELS if component.zone == "models" else STARTS_ALLOWED
    log = find_log(local, name)
    pids: set[int] = set()
    deadline = time.monotonic() + seconds
    while True:
        state = local.supervisor.list_states().get(name)
        if state is not None and state.pid:
            pids.add(state.pid)
        health = local.health.check(component, state)
        if health.ok and state is not None and state.state == "RUNNING":
            return health.detail
        if gave_up(state, len(pids), starts):
            why = explain(read_end(log, after=log_from))
            raise ComponentError(
                name, f"ends again and again instead of starting{f': {why}' if why else ''}", tail(log)
            )
        if time.monotonic() > deadline:
            raise ComponentError(name, f"was not healthy after {seconds} seconds ({health.detail})", tail(log))
        time.sleep(POLL_SECONDS)


def gave_up(state: ProgramState | None, started: int, allowed: int) -> bool:
    if state is None or state.state == "FATAL":
        return True
    ended = state.state in {"BACKOFF", "EXITED"}
    # What ended was started, also when it was too quick to be seen.
    return started > allowed or (ended and max(started, 1) == allowed)


def find_log(local: LocalAppliance, name: str) -> Path:
    return local.settings.log_dir / f"{name}.log"


def measure_log(log: Path) -> int:
    """Its size in bytes; nothing of one that is not there yet."""
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def read_end(log: Path, *, after: int = 0) -> deque[str]:
    """More of a log's end than is shown: what went wrong stands above where it led to. Of what follows the first
    ``after`` bytes: an earlier start may have failed for another reason. A log that is shorter was begun anew."""
    try:
        with log.open("rb") as handle:
            handle.seek(after if after <= measure_log(log) else 0)
            return deque((line.decode(errors="replace") for line in handle), maxlen=CAUSE_LINES)
    except FileNotFoundError:
        return deque()


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log file, indented."""
    try:
        with log.open(encoding="utf-8", errors="replace") as handle:
            return "".join(f"  | {line}" for line in deque(handle, maxlen=lines)).rstrip()
    except FileNotFoundError:
        return "  | (no log yet)"
