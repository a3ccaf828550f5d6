"""One reading of a GPU host, as ``engine-proxy`` serves it at ``GET /hardware``. Standard library only.

None is "not known here" (an unsupported query, a card without ECC), never zero. Units are in the names.
"""

from dataclasses import dataclass, field

SCHEMA_VERSION = 1
FILE_SOURCES = frozenset({"recorded", "authored"})
SOURCES = frozenset({"nvml"}) | FILE_SOURCES


@dataclass(frozen=True)
class GpuReading:
    """One GPU at one moment. ``uuid`` is its identity: an index can change when a card is replaced.

    ``energy_joules`` counts since the driver was loaded. ``clock_event_reasons`` are NVML's, as words such as
    ``sw_power_cap``, ``hw_thermal_slowdown``; ``idle`` is one of them. ECC counts are since the driver was loaded.
    ``xid_events`` are the XIDs seen since the proxy started, each with how often.
    """

    uuid: str
    index: int
    name: str
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    utilization_percent: float | None = None
    memory_bandwidth_percent: float | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    energy_joules: float | None = None
    temperature_celsius: float | None = None
    slowdown_celsius: float | None = None
    sm_clock_mhz: int | None = None
    sm_clock_max_mhz: int | None = None
    clock_event_reasons: tuple[str, ...] = ()
    ecc_enabled: bool | None = None
    ecc_corrected: int | None = None
    ecc_uncorrected: int | None = None
    xid_events: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class EngineReading:
    """One vLLM engine at one moment, from its ``/metrics``. Totals count since the engine started.

    ``waiting_by_reason`` has vLLM's own reasons. The latency pairs are (sum of seconds, count) of its histograms.
    """

    model_name: str
    running: float | None = None
    waiting: float | None = None
    waiting_by_reason: dict[str, float] = field(default_factory=dict)
    kv_cache_usage: float | None = None
    preemptions_total: float | None = None
    prompt_tokens_total: float | None = None
    generation_tokens_total: float | None = None
    prefix_cache_queries_total: float | None = None
    prefix_cache_hits_total: float | None = None
    time_to_first_token: tuple[float, float] | None = None
    inter_token_latency: tuple[float, float] | None = None
    queue_time: tuple[float, float] | None = None


@dataclass(frozen=True)
class EngineState:
    """One of the engines behind a proxy. ``name`` is ``model`` for the main one, else that of the further model, and
    ``purpose`` generation, embedding or reranking. ``problem`` says why there is no ``reading``; ``answers`` is as
    below."""

    name: str
    purpose: str
    reading: EngineReading | None = None
    problem: str = ""
    answers: bool | None = None


@dataclass(frozen=True)
class EngineEvent:
    """Something that happened to an engine at ``at`` (UTC, ISO 8601), as its keeper recorded it.

    ``id`` is the event's own, by which whoever gets it twice can tell. ``kind`` is engine_started, engine_ready,
    engine_wedged, engine_ended, engine_drained, engine_not_started or model_refused. ``reason`` is why it ended:
    wedged, crashed, not_ready, lost or stopped. ``seconds`` is what it took to be ready or to be drained, or for how
    long it gave no sign of life. ``restarts`` counts by reason how often this engine ended and was to be started again,
    up to and with this event.
    """

    id: str
    at: str
    engine: str
    kind: str
    reason: str = ""
    seconds: float | None = None
    exit_code: int | None = None
    signal: str = ""
    detail: str = ""
    restarts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class HostReading:
    """A GPU host at ``taken_at`` (UTC, ISO 8601). What could not be read is said in words, empty when all is well.

    ``engine_answers`` is None where nobody knows: there is none behind the proxy, it did not answer in time, or the
    proxy is of an earlier release.
    ``engines`` are all that stand behind the proxy, ``engine`` and its two companions the main one, which earlier
    releases know alone. A field that is only added, and may be absent, is no other schema version: hosts and
    application are not updated in the same moment.
    ``engine_events`` are the last of each engine, in order of time; a proxy of an earlier release gives none.
    ``source`` is "nvml", or "recorded" or "authored" for readings fed by a file, which no page shows as live hardware.
    """

    host: str
    taken_at: str
    source: str = "nvml"
    driver_version: str | None = None
    gpus: tuple[GpuReading, ...] = ()
    gpu_problem: str = ""
    engine: EngineReading | None = None
    engine_problem: str = ""
    engine_answers: bool | None = None
    engines: tuple[EngineState, ...] = ()
    engine_events: tuple[EngineEvent, ...] = ()
    schema_version: int = SCHEMA_VERSION
