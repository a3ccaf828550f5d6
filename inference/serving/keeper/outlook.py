"""Is the engine ready, at work, or wedged? Pure: what was seen, and when, goes in; a verdict comes out.

An engine is ready once it answered a canary, or wrote for somebody else while the canary waited in a deep queue.
Any movement in what the engine's core reports is a sign of life, and so is an answered canary. A busy engine is never
asked for a canary, which would wait behind everybody's requests; a long prefill moves the KV cache's usage.
"""

from dataclasses import dataclass

from inference.metrics.types import EngineReading
from inference.registry.spec import Purpose

TEARDOWN_SECONDS = 10  # what vLLM takes to end when nothing runs any more
KILL_SECONDS = 5
CANARY_SHARE, CANARY_MOST_SECONDS = 3, 60.0
CANARY_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Limits:
    """All in seconds: until ready, without a sign of life, and for requests that run when it is stopped."""

    start_seconds: float
    wedged_seconds: float
    drain_seconds: float


def stop_seconds(drain_seconds: int) -> int:
    """How long whoever stops the keeper has to wait before killing it."""
    return drain_seconds + TEARDOWN_SECONDS + KILL_SECONDS


def proxy_stop_seconds(drain_seconds: int) -> int:
    """The same for engine-proxy, which cuts what still runs after that."""
    return drain_seconds + KILL_SECONDS


class Outlook:
    """What is known of one engine. Moments are of a monotonic clock."""

    def __init__(self, limits: Limits, now: float, purpose: Purpose = "generation") -> None:
        self._limits, self._purpose = limits, purpose
        self._written: float | None = None
        self._started_at = self._alive_at = self._canary_at = now
        self._seen: tuple[object, ...] | None = None
        self._load = 0.0
        self._answers = True
        self.ready_at: float | None = None

    @property
    def is_ready(self) -> bool:
        return self.ready_at is not None

    def saw_metrics(self, reading: EngineReading | None, now: float) -> None:
        """None where the engine did not answer, or with something else than its metrics."""
        self._answers = reading is not None
        if reading is None:
            return
        seen = _list_movements(reading)
        if seen != self._seen:
            self._seen, self._alive_at = seen, now
        self._load = (reading.running or 0) + (reading.waiting or 0)
        self._saw_written(reading, now)

    def _saw_written(self, reading: EngineReading, now: float) -> None:
        """More tokens than before went through it: it serves. One that embeds or ranks writes none, and reads."""
        writes = self._purpose == "generation"
        written = reading.generation_tokens_total if writes else reading.prompt_tokens_total
        if written is None:
            return
        if self._written is not None and written > self._written:
            self.ready_at = self.ready_at or now
        self._written = written

    def saw_canary(self, answered: bool, now: float) -> None:
        self._canary_at = now
        if answered:
            self._alive_at = now
            self.ready_at = self.ready_at or now

    def wants_canary(self, now: float) -> bool:
        """Again and again until ready; then when nothing runs and nothing has moved for some time."""
        if not self.is_ready:
            return now - self._canary_at >= CANARY_AGAIN_SECONDS
        if self._load:
            return False
        pause = min(CANARY_MOST_SECONDS, self._limits.wedged_seconds / CANARY_SHARE)
        return now - max(self._alive_at, self._canary_at) >= pause

    def forgive(self, seconds: float) -> None:
        """The keeper itself stood still for so long, and the whole machine perhaps: nobody's silence counts."""
        self._alive_at += seconds
        self._started_at += seconds

    def silent_seconds(self, now: float) -> float:
        return now - self._alive_at

    def is_late(self, now: float) -> bool:
        return not self.is_ready and now - self._started_at > self._limits.start_seconds

    def is_wedged(self, now: float) -> bool:
        return self.is_ready and self.silent_seconds(now) > self._limits.wedged_seconds

    def describe(self) -> str:
        """What an operator wants to know of a wedged engine first."""
        if not self._answers:
            return "Its server did not answer."
        if self._load:
            return f"{self._load:.0f} requests ran or waited, and nothing moved."
        return "Nothing ran, and a request for one token was not answered."


def _list_movements(reading: EngineReading) -> tuple[object, ...]:
    """What only the core moves: a request that merely arrives at a stuck one changes none of it."""
    return (
        reading.running, reading.waiting, reading.kv_cache_usage, reading.preemptions_total,
        reading.prompt_tokens_total, reading.generation_tokens_total, reading.prefix_cache_queries_total,
    )  # fmt: skip
