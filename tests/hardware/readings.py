"""Authored readings of a GPU host, and labelled as such: nobody measured these numbers on a card."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from inference.metrics.types import EngineReading, GpuReading, HostReading

GIB = 2**30
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CALM = GpuReading(
    uuid="GPU-00000000-0000-0000-0000-000000000000",
    index=0,
    name="NVIDIA L40S",
    memory_total_bytes=46068 * 2**20,
    memory_used_bytes=31 * GIB,
    utilization_percent=63.0,
    memory_bandwidth_percent=41.0,
    power_watts=212.5,
    power_limit_watts=350.0,
    energy_joules=1.0e6,
    temperature_celsius=61.0,
    slowdown_celsius=92.0,
    sm_clock_mhz=2205,
    sm_clock_max_mhz=2520,
    ecc_enabled=True,
    ecc_corrected=0,
    ecc_uncorrected=0,
)
HOT = replace(
    CALM,
    uuid="GPU-11111111-1111-1111-1111-111111111111",
    index=1,
    memory_used_bytes=44 * GIB,
    utilization_percent=99.0,
    power_watts=349.0,
    temperature_celsius=93.0,
    sm_clock_mhz=1410,
    clock_event_reasons=("hw_thermal_slowdown", "sw_power_cap"),
    ecc_corrected=3,
    xid_events=((13, 1), (94, 2)),
)
ENGINE = EngineReading(
    model_name="authored-model",
    running=8.0,
    waiting=3.0,
    waiting_by_reason={"capacity": 2.0, "deferred": 1.0},
    kv_cache_usage=0.81,
    preemptions_total=4.0,
    prompt_tokens_total=100_000.0,
    generation_tokens_total=50_000.0,
    prefix_cache_queries_total=1000.0,
    prefix_cache_hits_total=600.0,
    time_to_first_token=(40.0, 100.0),
    inter_token_latency=(900.0, 50_000.0),
    queue_time=(12.0, 100.0),
)


def build_reading(at: datetime, *gpus: GpuReading, engine: EngineReading | None = ENGINE, **more: Any) -> HostReading:
    """A reading taken ``at``; its source is "authored" unless a test says that it plays a live one."""
    values = {"host": "gpu-1", "source": "authored", "driver_version": "580.95.05", **more}
    return HostReading(taken_at=at.isoformat(), gpus=gpus, engine=engine, **values)


def grow(engine: EngineReading, *, generation: float, prompt: float = 0.0, preemptions: float = 0.0) -> EngineReading:
    """The same engine some tokens later."""
    return replace(
        engine,
        generation_tokens_total=(engine.generation_tokens_total or 0) + generation,
        prompt_tokens_total=(engine.prompt_tokens_total or 0) + prompt,
        preemptions_total=(engine.preemptions_total or 0) + preemptions,
    )


def to_document(reading: HostReading) -> dict[str, Any]:
    """As ``engine-proxy`` would send it."""
    return asdict(reading)
