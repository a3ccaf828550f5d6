"""Keep one engine from its start to its end, and say in an exit code and an event why it ended."""

import signal
import sys
import threading
import time
from collections.abc import Sequence

from inference.serving import draining
from inference.serving.events import EventLog
from inference.serving.keeper.exit_codes import EXIT_ENDED, EXIT_NOT_READY, EXIT_WEDGED
from inference.serving.keeper.group import EngineGroup
from inference.serving.keeper.outlook import TEARDOWN_SECONDS, Limits, Outlook
from inference.serving.keeper.probing import Probes

TICK_SECONDS = 0.2
DRAINED = "request processing complete"  # vLLM's words; without them only the time speaks
SETTLING_SECONDS = 0.5  # until a request that was taken on is in the core
METRICS_EVERY_SECONDS, METRICS_SHARE = 5.0, 10
OVERSLEPT_SECONDS = 5.0
LEAST_LIFE_SECONDS = 5.0  # so that a supervisor without patience of its own does not start it in a tight loop


class Keeper:
    """One engine, once. ``argv`` starts it, ``probes`` ask it; without them only its end is noticed."""

    def __init__(self, argv: Sequence[str], *, probes: Probes | None, limits: Limits, events: EventLog) -> None:
        self._argv, self._limits, self._events = argv, limits, events
        self._probes = probes
        self._stop = threading.Event()
        self._metrics_every = min(METRICS_EVERY_SECONDS, limits.wedged_seconds / METRICS_SHARE)

    def stop(self) -> None:
        """Let requests that run end, then end. Safe to call from a signal's handler."""
        self._stop.set()

    def run(self) -> int:
        """The exit code. The engine's processes are gone when it returns."""
        self._record_lost()
        self._started_at = self._metrics_at = tick = time.monotonic()
        self._group = EngineGroup(self._argv, mark=DRAINED)
        purpose = "generation" if self._probes is None else self._probes.purpose
        self._outlook = Outlook(self._limits, self._started_at, purpose)
        self._events.record("engine_started")
        while not self._stop.is_set():
            if self._group.poll() is not None:
                return self._crashed()
            now = time.monotonic()
            if now - tick > OVERSLEPT_SECONDS:
                self._outlook.forgive(now - tick)
            tick = now
            if self._probes is not None:
                self._look(self._probes, now)
            if self._probes is not None and self._outlook.is_late(now):
                return self._give_up(f"It was not ready after {self._limits.start_seconds:.0f} seconds.")
            if self._outlook.is_wedged(now):
                return self._wedged(now)
            self._stop.wait(TICK_SECONDS)
        return self._drain()

    def _record_lost(self) -> None:
        """A keeper that was killed, or a machine that lost power, recorded no end."""
        if self._events.was_lost():
            self._events.record(
                "engine_ended", reason="lost", restarts_for="lost", detail="It and its keeper were killed together."
            )

    def _look(self, probes: Probes, now: float) -> None:
        outlook, was_ready = self._outlook, self._outlook.is_ready
        if (taken := probes.take_metrics()) is not None:
            outlook.saw_metrics(taken[0], now)
        if (answered := probes.take_canary()) is not None:
            outlook.saw_canary(answered, now)
        if outlook.is_ready and not was_ready:
            self._events.record("engine_ready", seconds=round(now - self._started_at, 1))
        if outlook.wants_canary(now):
            probes.ask_canary()
        if now - self._metrics_at >= self._metrics_every:
            self._metrics_at = now
            probes.ask_metrics()

    def _crashed(self) -> int:
        code = self._group.process.returncode
        self._group.end()
        self._record_end("crashed", code, detail=self._group.explanation or _explain(code))
        if self._group.explanation:
            sys.stderr.write(f"The engine ended. {self._group.explanation}\n")
        self._outlive()
        return EXIT_ENDED

    def _give_up(self, why: str) -> int:
        self._group.dump()
        whole = self._group.end()
        self._record_end("not_ready", self._group.process.returncode, detail=why + _left_behind(whole))
        return EXIT_NOT_READY

    def _wedged(self, now: float) -> int:
        seconds, seen = round(self._outlook.silent_seconds(now), 1), self._outlook.describe()
        self._events.record("engine_wedged", reason="wedged", seconds=seconds, detail=seen)
        self._group.dump()
        whole = self._group.end()
        self._record_end("wedged", self._group.process.returncode, seconds=seconds, detail=seen + _left_behind(whole))
        return EXIT_WEDGED

    def _drain(self) -> int:
        """New requests are refused from now on; those that run, or were just being taken on, may end."""
        began, allowed = time.monotonic(), 0.0
        if self._outlook.is_ready:
            allowed = self._limits.drain_seconds
            self._group.tell(draining.SIGNAL)
            self._group.wait(SETTLING_SECONDS)
        self._group.tell(signal.SIGTERM)
        ended = self._group.wait(allowed + TEARDOWN_SECONDS)
        seconds = time.monotonic() - began
        self._group.end()
        # Past its time vLLM cuts off what still runs, and ends by itself.
        whole = ended and (seconds <= allowed + SETTLING_SECONDS or self._group.has_marked)
        cut = f"Requests that still ran after {allowed:.0f} seconds were cut off." if allowed and not whole else ""
        self._events.record("engine_drained", reason="stopped", seconds=round(seconds, 1), detail=cut)
        return 0

    def _record_end(self, reason: str, code: int | None, *, detail: str, seconds: float | None = None) -> None:
        self._events.record(
            "engine_ended",
            restarts_for=reason,
            reason=reason,
            seconds=seconds,
            exit_code=code if code is not None and code >= 0 else None,
            signal=_name_signal(code),
            detail=detail,
            log=self._group.tail,
        )

    def _outlive(self) -> None:
        lived = time.monotonic() - self._started_at
        self._stop.wait(max(0.0, LEAST_LIFE_SECONDS - lived))


def _name_signal(code: int | None) -> str:
    if code is None or code >= 0:
        return ""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return str(-code)


def _explain(code: int | None) -> str:
    name = _name_signal(code)
    return f"It was ended by {name}." if name else f"It ended by itself with code {code}."


def _left_behind(whole: bool) -> str:
    """A process in the driver's hands cannot be killed; its GPU's memory is not free."""
    return "" if whole else " Some of its processes cannot be killed: the machine has to be restarted."
