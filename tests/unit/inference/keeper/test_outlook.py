"""Ready, at work or wedged: what was seen, by a clock that the tests turn."""

from typing import Any

import pytest

from inference.metrics.types import EngineReading
from inference.registry.spec import Purpose
from inference.serving.keeper.outlook import Limits, Outlook, stop_seconds

LIMITS = Limits(start_seconds=600, wedged_seconds=90, drain_seconds=30)


def reading(**figures: Any) -> EngineReading:
    return EngineReading("m", **{"running": 0.0, "waiting": 0.0, "generation_tokens_total": 1.0, **figures})


def ready(now: float = 0) -> Outlook:
    outlook = Outlook(LIMITS, now)
    outlook.saw_canary(answered=True, now=now)
    outlook.saw_metrics(reading(), now)
    return outlook


def test_engine_is_ready_by_a_canary_and_not_by_metrics_that_stand_still() -> None:
    outlook = Outlook(LIMITS, 0)
    outlook.saw_metrics(reading(generation_tokens_total=5.0), 1)
    outlook.saw_metrics(reading(generation_tokens_total=5.0, prompt_tokens_total=9.0, running=3.0), 1.5)
    outlook.saw_canary(answered=False, now=2)
    assert not outlook.is_ready
    assert not outlook.wants_canary(2.5)
    assert outlook.wants_canary(3)
    outlook.saw_canary(answered=True, now=4)
    assert outlook.is_ready


@pytest.mark.parametrize(
    ("purpose", "counter"),
    [
        ("generation", "generation_tokens_total"),
        ("embedding", "prompt_tokens_total"),
        ("reranking", "prompt_tokens_total"),
    ],
)
def test_engine_that_serves_others_is_ready_though_no_canary_came_to_its_turn(purpose: Purpose, counter: str) -> None:
    outlook = Outlook(LIMITS, 0, purpose)
    for second, tokens in ((300, 0.0), (305, 40.0)):
        assert not outlook.is_ready
        outlook.saw_metrics(reading(running=8.0, waiting=500.0, **{counter: tokens}), second)
        outlook.saw_canary(answered=False, now=second)
    assert outlook.ready_at == 305
    assert not outlook.is_late(601)
    assert outlook.is_wedged(305 + 91)


def test_engine_that_is_not_ready_in_time_is_late_and_never_wedged() -> None:
    outlook = Outlook(LIMITS, 0)
    assert not outlook.is_late(600)
    assert outlook.is_late(601)
    assert not outlook.is_wedged(601)
    assert not ready().is_late(601)


@pytest.mark.parametrize(
    "movement",
    [
        {"generation_tokens_total": 2.0},
        {"prompt_tokens_total": 7.0},
        {"kv_cache_usage": 0.5},
        {"running": 2.0},
        {"waiting": 1.0},
        {"preemptions_total": 1.0},
    ],
)
def test_any_movement_is_a_sign_of_life(movement: dict[str, float]) -> None:
    outlook = ready()
    outlook.saw_metrics(reading(**{"running": 1.0, **movement}), 80)
    assert not outlook.is_wedged(170)
    assert outlook.is_wedged(171)


def test_long_prefill_is_not_wedged_while_the_cache_fills() -> None:
    outlook = ready()
    for second in range(5, 1000, 5):
        outlook.saw_metrics(reading(running=1.0, kv_cache_usage=second / 1000), second)
        assert not outlook.is_wedged(second)
        assert not outlook.wants_canary(second)


def test_requests_without_movement_are_wedged_and_no_canary_waits_behind_them() -> None:
    outlook = ready()
    for second in range(5, 96, 5):
        outlook.saw_metrics(reading(running=3.0, waiting=1.0), second)
        assert not outlook.wants_canary(second)
    assert not outlook.is_wedged(95)
    assert outlook.is_wedged(96)
    assert outlook.describe() == "4 requests ran or waited, and nothing moved."


def test_idle_engine_is_asked_for_a_token_and_is_wedged_without_one() -> None:
    outlook = ready()
    outlook.saw_metrics(reading(), 29)
    assert not outlook.wants_canary(29)
    assert outlook.wants_canary(30)
    outlook.saw_canary(answered=False, now=60)
    assert outlook.is_wedged(91)
    assert outlook.describe() == "Nothing ran, and a request for one token was not answered."


def test_idle_engine_that_answers_stays() -> None:
    outlook = ready()
    for second in range(1000):
        outlook.saw_metrics(reading(), second)
        if outlook.wants_canary(second):
            outlook.saw_canary(answered=True, now=second)
        assert not outlook.is_wedged(second)


def test_server_that_is_silent_is_wedged() -> None:
    outlook = ready()
    outlook.saw_metrics(None, 91)
    assert outlook.is_wedged(91)
    assert outlook.describe() == "Its server did not answer."


def test_time_in_which_the_machine_stood_still_does_not_count() -> None:
    outlook = ready()
    outlook.forgive(3600)
    assert not outlook.is_wedged(3600 + 90)
    assert outlook.is_wedged(3600 + 91)


def test_whoever_stops_the_keeper_waits_longer_than_it_takes() -> None:
    assert stop_seconds(30) == 45
