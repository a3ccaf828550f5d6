"""How loaded each endpoint is: its engine's own metrics, asked for at most every two seconds, and our own calls.

State of this process, by address. A reading is fetched beside the call that wants it, which waits a moment at most;
what has not come by then, or is old, is not known. Nothing here touches the database.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from inference.metrics.parse import MetricsError, from_json
from webapp.llm.errors import EngineUnavailable, LlmError
from webapp.llm.services import readings
from webapp.llm.types import MAIN_ENGINE, split_address

FRESH_SECONDS = 2.0
STALE_SECONDS = 6.0
WAIT_SECONDS = 0.3
READING_SECONDS = 20.0  # after so long a thread that reads is taken to be gone


@dataclass(frozen=True, slots=True)
class Load:
    """``requests``: running and waiting by the engine's own metrics, None where nobody knows. ``newer``: calls of ours
    that the metrics cannot show yet; ``open``: all of ours. ``is_reachable`` and ``engine_answers`` are what the newest
    look said; they are True until one said otherwise."""

    requests: float | None = None
    newer: int = 0
    open: int = 0
    is_reachable: bool = True
    engine_answers: bool = True


@dataclass(frozen=True, slots=True)
class _Reading:
    """``at``: when it was asked for; of one that nobody gave, when that was clear."""

    at: float
    calls_before: int
    requests: float | None = None
    is_reachable: bool = True
    engine_answers: bool = True


_lock = threading.Lock()
_changed = threading.Condition(_lock)
_readings: dict[str, _Reading] = {}
_being_read: dict[str, float] = {}  # since when
_calls: Counter[str] = Counter()  # ever begun
_open: Counter[str] = Counter()


@contextmanager
def counted(address: str) -> Iterator[None]:
    """One of our calls, while the block lasts."""
    with _lock:
        _calls[address] += 1
        _open[address] += 1
    try:
        yield
    finally:
        with _lock:
            _open[address] -= 1


def read_loads(addresses: Iterable[str]) -> dict[str, Load]:
    """What is known now. Waits for readings that are due, for ``WAIT_SECONDS`` in all."""
    wanted = set(addresses)
    deadline = time.monotonic() + WAIT_SECONDS
    with _changed:
        awaited = {address for address in wanted if _age_seconds(address) > FRESH_SECONDS}
        for address in awaited:
            if time.monotonic() - _being_read.get(address, float("-inf")) < READING_SECONDS:
                continue
            _being_read[address] = time.monotonic()
            threading.Thread(target=_read, args=(address,), name="llm-load", daemon=True).start()
        # Where nothing answered a moment ago nobody waits: what would be waited for is a time limit.
        awaited = {address for address in awaited if not _is_known_to_be_away(address)}
        _changed.wait_for(lambda: not awaited & _being_read.keys(), timeout=max(0.0, deadline - time.monotonic()))
        return {address: _load(address) for address in wanted}


def list_loads(addresses: Iterable[str]) -> dict[str, Load]:
    """The same without asking anybody or waiting for anything."""
    with _lock:
        return {address: _load(address) for address in addresses}


def forget() -> None:
    """Know nothing, as a process that has just started."""
    with _lock:
        for state in (_readings, _calls, _open):
            state.clear()


def _age_seconds(address: str) -> float:
    reading = _readings.get(address)
    return float("inf") if reading is None else time.monotonic() - reading.at


def _is_known_to_be_away(address: str) -> bool:
    return _age_seconds(address) <= STALE_SECONDS and not _readings[address].is_reachable


def _load(address: str) -> Load:
    reading = _readings.get(address)
    if reading is None:
        return Load(open=_open[address])
    if _age_seconds(address) > STALE_SECONDS:
        return Load(None, 0, _open[address], reading.is_reachable, reading.engine_answers)
    newer = min(_open[address], _calls[address] - reading.calls_before)
    return Load(reading.requests, newer, _open[address], reading.is_reachable, reading.engine_answers)


def _read(address: str) -> None:
    asked_at, calls_before = time.monotonic(), _calls[address]
    reading = _Reading(asked_at, calls_before)
    try:
        host, engine = split_address(address)
        requests, engine_answers = parse_load(readings.read_hardware(host), engine)
        reading = _Reading(asked_at, calls_before, requests, engine_answers=engine_answers)
    except EngineUnavailable:
        reading = _Reading(time.monotonic(), calls_before, is_reachable=False)
    except (LlmError, OSError):
        pass  # it took the connection: slow, or no engine-proxy, or the certificate cannot be read just now
    finally:
        with _changed:
            _readings[address] = reading
            _being_read.pop(address, None)
            _changed.notify_all()


def parse_load(document: bytes, engine: str = MAIN_ENGINE) -> tuple[float | None, bool]:
    """Requests running and waiting in the engine, None when the reading does not say; and whether the engine answers,
    which is taken for granted unless the reading denies it."""
    try:
        reading = from_json(json.loads(document))
    except (MetricsError, ValueError, RecursionError):
        return None, True
    found, answers = reading.engine, reading.engine_answers is not False
    if engine != MAIN_ENGINE:
        state = next((each for each in reading.engines if each.name == engine), None)
        found, answers = (None, True) if state is None else (state.reading, state.answers is not False)
    if found is None or found.running is None or found.waiting is None:
        return None, answers
    return max(0.0, found.running) + max(0.0, found.waiting), answers
