"""What two readings of an engine say together: its totals count since it started, and it may have started in between.

Pure functions. A rate is None where it would be a guess: after a restart, over a gap in collection, without traffic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from inference.metrics.types import EngineReading
from webapp.hardware.types import STALE_SECONDS

Counters = Mapping[str, float]


@dataclass(frozen=True)
class Rates:
    """None is "not known", never zero."""

    prompt_tokens_per_second: float | None = None
    generation_tokens_per_second: float | None = None
    preemptions_per_minute: float | None = None
    prefix_hit_percent: float | None = None
    time_to_first_token_seconds: float | None = None
    inter_token_latency_seconds: float | None = None
    queue_time_seconds: float | None = None


def list_counters(engine: EngineReading) -> dict[str, float]:
    """The engine's totals under short names, without those it does not have."""
    pairs = {
        "ttft": engine.time_to_first_token,
        "itl": engine.inter_token_latency,
        "queue": engine.queue_time,
    }
    totals = {
        "prompt": engine.prompt_tokens_total,
        "generation": engine.generation_tokens_total,
        "preemptions": engine.preemptions_total,
        "prefix_queries": engine.prefix_cache_queries_total,
        "prefix_hits": engine.prefix_cache_hits_total,
        **{f"{name}_sum": pair and pair[0] for name, pair in pairs.items()},
        **{f"{name}_count": pair and pair[1] for name, pair in pairs.items()},
    }
    return {name: value for name, value in totals.items() if value is not None}


def compute_rates(before: Counters, before_at: datetime, after: Counters, after_at: datetime) -> Rates:
    """What happened between two readings of one engine.

    When any total has become smaller the engine has restarted: then nothing is known about what lies between.
    """
    seconds = (after_at - before_at).total_seconds()
    shared = before.keys() & after.keys()
    if not 0 < seconds <= STALE_SECONDS or any(after[name] < before[name] for name in shared):
        return Rates()
    grown = {name: after[name] - before[name] for name in shared}
    preemptions = grown.get("preemptions")
    return Rates(
        prompt_tokens_per_second=_over(grown.get("prompt"), seconds),
        generation_tokens_per_second=_over(grown.get("generation"), seconds),
        preemptions_per_minute=None if preemptions is None else preemptions * 60 / seconds,
        prefix_hit_percent=_percent(grown.get("prefix_hits"), grown.get("prefix_queries")),
        time_to_first_token_seconds=_over(grown.get("ttft_sum"), grown.get("ttft_count")),
        inter_token_latency_seconds=_over(grown.get("itl_sum"), grown.get("itl_count")),
        queue_time_seconds=_over(grown.get("queue_sum"), grown.get("queue_count")),
    )


def _over(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _percent(part: float | None, whole: float | None) -> float | None:
    ratio = _over(part, whole)
    return None if ratio is None else min(100.0, 100 * ratio)
