"""Samples of each engine of a host, from proxies that name them all and from those that know one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from inference.metrics.types import EngineReading, EngineState
from tests.hardware.readings import CALM, ENGINE, NOON, build_reading, grow
from webapp.hardware import api
from webapp.hardware.models import Engine
from webapp.hardware.types import SeriesKey, Span

Store = Callable[..., None]
CODER = replace(ENGINE, model_name="coder", running=1.0)
HOUR = Span(NOON, NOON + timedelta(hours=1), 60, from_rollups=False)


def states(main: EngineReading = ENGINE, coder: EngineReading | None = CODER) -> tuple[EngineState, ...]:
    further = EngineState("coder", "generation", coder, "" if coder else "It is starting.", coder is not None)
    return (EngineState("model", "generation", main, "", answers=True), further)


@pytest.mark.django_db
def test_each_engine_has_samples_and_rates_of_its_own(store: Store) -> None:
    store(build_reading(NOON, CALM, engines=states()))
    later = states(grow(ENGINE, generation=150), grow(CODER, generation=15))
    store(build_reading(NOON + timedelta(seconds=15), CALM, engine=later[0].reading, engines=later))
    main, coder = api.list_engines()
    assert (main.name, main.model_name, main.generation_tokens_per_second) == ("model", "authored-model", 10)
    assert (coder.name, coder.model_name, coder.generation_tokens_per_second) == ("coder", "coder", 1)
    series = api.read_engine_series(engine_ids=[coder.id], span=HOUR)
    assert [point.average for point in series[SeriesKey(coder.id, "running")]] == [1]
    assert not [key for key in series if key.subject_id == main.id]


@pytest.mark.django_db
def test_engine_that_gives_no_metrics_is_said_by_its_name(store: Store) -> None:
    store(build_reading(NOON, CALM, engines=states(coder=None)))
    (host,) = api.list_hosts()
    assert host.further_problems == (("coder", "It is starting."),)
    assert [engine.name for engine in api.list_engines()] == ["model"]


@pytest.mark.django_db
def test_proxy_of_an_earlier_release_knows_the_main_engine_alone(store: Store) -> None:
    store(build_reading(NOON, CALM))
    store(build_reading(NOON + timedelta(seconds=15), CALM, engines=states()))
    assert [engine.name for engine in api.list_engines()] == ["model", "coder"]
    assert Engine.objects.filter(name="model").count() == 1


@pytest.mark.django_db
def test_engine_that_is_not_named_any_more_is_forgotten_after_a_day(store: Store) -> None:
    store(build_reading(NOON, CALM, engines=states()))
    store(build_reading(NOON + timedelta(hours=25), CALM, engines=states()[:1]))
    assert [engine.name for engine in api.list_engines()] == ["model"]


@pytest.mark.django_db(transaction=True)
def test_samples_from_before_are_the_main_engines(store: Store) -> None:
    """Back to the schema of the release before, and forward again: the main engine's samples are there still."""
    store(build_reading(NOON, CALM, engines=states()))
    before, now = [("hardware", "0003_engine_events")], [("hardware", "0004_engines")]
    MigrationExecutor(connection).migrate(before)
    MigrationExecutor(connection).migrate(now)
    (engine,) = api.list_engines()
    assert (engine.name, engine.running) == ("model", 8.0)
