"""Rates between two readings of one engine."""

from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from tests.hardware.readings import ENGINE, NOON
from webapp.hardware.rates import Rates, compute_rates, list_counters

BEFORE = list_counters(ENGINE)
LATER = NOON + timedelta(seconds=15)


def test_rates_are_differences_over_the_time_between() -> None:
    after = list_counters(
        replace(
            ENGINE,
            prompt_tokens_total=100_150.0,
            generation_tokens_total=50_300.0,
            preemptions_total=5.0,
            prefix_cache_queries_total=1200.0,
            prefix_cache_hits_total=750.0,
            time_to_first_token=(44.0, 110.0),
            inter_token_latency=(906.0, 50_300.0),
            queue_time=(12.5, 110.0),
        )
    )
    expected = {
        "prompt_tokens_per_second": 10.0,
        "generation_tokens_per_second": 20.0,
        "preemptions_per_minute": 4.0,
        "prefix_hit_percent": 75.0,
        "time_to_first_token_seconds": 0.4,
        "inter_token_latency_seconds": 0.02,
        "queue_time_seconds": 0.05,
    }
    assert asdict(compute_rates(BEFORE, NOON, after, LATER)) == pytest.approx(expected)


def test_idle_engine_writes_nothing_and_has_no_latency() -> None:
    rates = compute_rates(BEFORE, NOON, BEFORE, LATER)
    assert (rates.generation_tokens_per_second, rates.preemptions_per_minute) == (0.0, 0.0)
    assert (rates.time_to_first_token_seconds, rates.prefix_hit_percent) == (None, None)


def test_any_total_that_shrank_means_a_restart_and_no_rates() -> None:
    after = {**BEFORE, "generation": BEFORE["generation"] + 90, "prompt": BEFORE["prompt"] - 1}
    assert compute_rates(BEFORE, NOON, after, LATER) == Rates()


@pytest.mark.parametrize("seconds", [-15, 0, 46, 3600])
def test_gap_and_turned_back_clock_have_no_rates(seconds: int) -> None:
    after = {**BEFORE, "generation": BEFORE["generation"] + 90}
    assert compute_rates(BEFORE, NOON, after, NOON + timedelta(seconds=seconds)) == Rates()


def test_total_that_only_one_reading_has_gives_no_rate() -> None:
    assert compute_rates({"prompt": 1.0}, NOON, {"generation": 5.0}, LATER) == Rates()


def test_counters_leave_out_what_the_engine_does_not_have() -> None:
    assert list_counters(replace(ENGINE, queue_time=None, preemptions_total=None)).keys() == (
        BEFORE.keys() - {"queue_sum", "queue_count", "preemptions"}
    )
