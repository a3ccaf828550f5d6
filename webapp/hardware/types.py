"""What the hardware room hands out: hosts, GPUs and engines as last read, and points of series."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

COLLECT_SECONDS = 15.0
# Older than three intervals, and no page may call it live.
STALE_SECONDS = 3 * COLLECT_SECONDS
CLOCK_DIFFERENCE_SECONDS = 5.0
MAIN_ENGINE = "model"


@dataclass(frozen=True)
class HostInfo:
    """A host that readings are pulled from. ``problem`` says in words why the last attempt brought none.
    ``further_problems`` are names of further engines, each with what is wrong with it.

    ``taken_at`` is the host's clock, ``received_at`` ours, both of the newest reading; ``clock_difference_seconds``
    is how far its clock was ahead of ours then. ``source`` is "nvml", or "recorded" or "authored" when a file gave it.
    """

    id: int
    name: str
    base_url: str
    source: str = ""
    driver_version: str = ""
    problem: str = ""
    gpu_problem: str = ""
    engine_problem: str = ""
    further_problems: tuple[tuple[str, str], ...] = ()
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    taken_at: datetime | None = None
    received_at: datetime | None = None
    clock_difference_seconds: float | None = None

    def age_seconds(self, now: datetime) -> float | None:
        """How old the newest reading is, by whichever clock says more: an old reading handed out anew is old."""
        if self.received_at is None or self.taken_at is None:
            return None
        return max((now - self.received_at).total_seconds(), (now - self.taken_at).total_seconds(), 0.0)

    def is_stale(self, now: datetime) -> bool:
        age = self.age_seconds(now)
        return age is None or age > STALE_SECONDS


@dataclass(frozen=True)
class GpuInfo:
    """A GPU as last read. ``present`` is False when its host's newest reading does not name it any more."""

    id: int
    host_id: int
    uuid: str
    index: int
    name: str
    taken_at: datetime
    present: bool
    memory_total_bytes: int | None
    memory_used_bytes: int | None = None
    utilization_percent: float | None = None
    memory_bandwidth_percent: float | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    temperature_celsius: float | None = None
    slowdown_celsius: float | None = None
    sm_clock_mhz: int | None = None
    sm_clock_max_mhz: int | None = None
    clock_event_reasons: tuple[str, ...] = ()
    ecc_enabled: bool | None = None
    ecc_corrected: int | None = None
    ecc_uncorrected: int | None = None
    xid_counts: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class EngineInfo:
    """An engine as last read. ``name`` is ``model`` for the main one, ``purpose`` generation, embedding or reranking.
    What needs two readings is None after the first, and after the engine restarted."""

    host_id: int
    model_name: str
    taken_at: datetime
    id: int = 0
    name: str = MAIN_ENGINE
    purpose: str = "generation"
    running: float | None = None
    waiting: float | None = None
    waiting_by_reason: Mapping[str, float] = field(default_factory=dict)
    kv_cache_percent: float | None = None
    preemptions_per_minute: float | None = None
    prompt_tokens_per_second: float | None = None
    generation_tokens_per_second: float | None = None
    prefix_hit_percent: float | None = None
    time_to_first_token_seconds: float | None = None
    inter_token_latency_seconds: float | None = None
    queue_time_seconds: float | None = None


@dataclass(frozen=True)
class EventInfo:
    """Something that happened to an engine, by its host's clock; ``kind`` and ``reason`` as
    :class:`inference.metrics.types.EngineEvent` has them."""

    host_id: int
    engine: str
    kind: str
    at: datetime
    reason: str = ""
    seconds: float | None = None
    exit_code: int | None = None
    signal: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Point:
    """One value of a series, or several of them in one: their smallest, mean and largest."""

    at: datetime
    minimum: float
    average: float
    maximum: float


@dataclass(frozen=True)
class Span:
    """Which points to read: one for each ``step_seconds``, of samples while they are kept, or of hourly rollups."""

    since: datetime
    until: datetime
    step_seconds: int
    from_rollups: bool = False


@dataclass(frozen=True)
class SeriesKey:
    """What a series is of: the id of a GPU or of an engine; and which metric."""

    subject_id: int
    metric: str
