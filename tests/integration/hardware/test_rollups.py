"""Hours out of samples; series out of both; and retention by dropping whole partitions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from appliance.topology import READING_ROLLUP_DAYS, READING_SAMPLE_DAYS
from tests.hardware.readings import CALM, ENGINE, HOT, NOON, build_reading, grow
from webapp.hardware import api, partitions
from webapp.hardware.models import Engine, EngineRollup, Gpu, GpuRollup, GpuSample, Host
from webapp.hardware.types import SeriesKey, Span

Store = Callable[..., None]
pytestmark = pytest.mark.django_db


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Let the clock of ``maintain`` say this."""

    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr("webapp.hardware.services.rolling_up.timezone.now", lambda: moment)

    set_clock(NOON + timedelta(hours=2))
    return set_clock


def readings_of_an_hour(store: Store, hour: datetime = NOON) -> None:
    """Four readings, a quarter of an hour apart: 10, 20, 30 and 80 per cent; the last two held back by power."""
    for quarter, percent in enumerate((10.0, 20.0, 30.0, 80.0)):
        reasons = ("sw_power_cap",) if quarter >= 2 else ()
        gpu = replace(CALM, utilization_percent=percent, clock_event_reasons=reasons, xid_events=((94, quarter + 1),))
        store(build_reading(hour + timedelta(minutes=15 * quarter), gpu))


def test_hour_has_its_smallest_mean_largest_and_last_value(store: Store, at_noon: object) -> None:
    readings_of_an_hour(store)
    api.maintain()
    row = GpuRollup.objects.get(metric="utilization_percent")
    assert (row.hour, row.samples) == (NOON, 4)
    assert (row.minimum, row.average, row.maximum, row.last) == (10, 35, 80, 80)
    share = GpuRollup.objects.get(metric="clock:sw_power_cap")
    assert (share.samples, share.minimum, share.average) == (4, 0, 0.5)
    assert GpuRollup.objects.get(metric="xid:94").last == 4
    assert EngineRollup.objects.get(metric="waiting:capacity").average == 2


def test_rolling_up_again_changes_nothing_and_takes_in_what_came_late(store: Store, at_noon: object) -> None:
    readings_of_an_hour(store)
    api.maintain()
    before = list(GpuRollup.objects.order_by("metric").values())
    api.maintain()
    assert list(GpuRollup.objects.order_by("metric").values()) == before
    store(build_reading(NOON + timedelta(minutes=59), replace(CALM, utilization_percent=0.0)))
    api.maintain()
    row = GpuRollup.objects.get(metric="utilization_percent")
    assert (row.samples, row.minimum, row.last) == (5, 0, 0)


def test_hours_that_were_missed_are_made_up_for(store: Store, at_noon: object) -> None:
    readings_of_an_hour(store)
    readings_of_an_hour(store, NOON + timedelta(hours=1))
    api.maintain()
    readings_of_an_hour(store, NOON + timedelta(hours=2))
    readings_of_an_hour(store, NOON + timedelta(hours=5))
    api.maintain()
    rows = GpuRollup.objects.filter(metric="utilization_percent").order_by("hour")
    assert [(row.hour - NOON) // timedelta(hours=1) for row in rows] == [0, 1, 2, 5]
    assert all(row.samples == 4 for row in rows)


@pytest.mark.parametrize("from_rollups", [False, True])
def test_series_of_hours_are_the_same_from_samples_and_from_rollups(
    store: Store, at_noon: object, *, from_rollups: bool
) -> None:
    readings_of_an_hour(store)
    api.maintain()
    gpu_id = Gpu.objects.get().pk
    until = NOON + timedelta(hours=1)
    series = api.read_gpu_series(gpu_ids=[gpu_id], span=Span(NOON, until, 3600, from_rollups=from_rollups))
    (point,) = series[SeriesKey(gpu_id, "utilization_percent")]
    assert (point.minimum, point.average, point.maximum) == (10, 35, 80)
    assert NOON < point.at < until
    assert series[SeriesKey(gpu_id, "clock:sw_power_cap")][0].average == 0.5
    assert "readings" not in {key.metric for key in series}


def test_share_over_several_hours_counts_the_hours_without(store: Store, at_noon: Callable[[datetime], None]) -> None:
    day = NOON.replace(hour=0)
    readings_of_an_hour(store, day)
    for minute in (0, 15, 30, 45):
        store(build_reading(day + timedelta(hours=1, minutes=minute), CALM))
    api.maintain()
    gpu_id = Gpu.objects.get().pk
    series = api.read_gpu_series(
        gpu_ids=[gpu_id], span=Span(day, day + timedelta(hours=6), 6 * 3600, from_rollups=True)
    )
    assert series[SeriesKey(gpu_id, "clock:sw_power_cap")][0].average == 0.25


def test_series_has_no_point_where_nothing_was_collected(store: Store, db: None) -> None:
    for minute in (0, 1, 2, 20, 21):
        store(build_reading(NOON + timedelta(minutes=minute), CALM))
    gpu_id = Gpu.objects.get().pk
    series = api.read_gpu_series(gpu_ids=[gpu_id], span=Span(NOON, NOON + timedelta(hours=1), 60, from_rollups=False))
    points = series[SeriesKey(gpu_id, "utilization_percent")]
    assert [(point.at - NOON) // timedelta(minutes=1) for point in points] == [0, 1, 2, 20, 21]


def test_rate_does_not_span_a_gap(store: Store, db: None) -> None:
    store(build_reading(NOON))
    store(build_reading(NOON + timedelta(minutes=10), engine=grow(ENGINE, generation=6000)))
    engine_id = Engine.objects.get().pk
    series = api.read_engine_series(
        engine_ids=[engine_id], span=Span(NOON, NOON + timedelta(hours=1), 60, from_rollups=False)
    )
    assert SeriesKey(engine_id, "generation_tokens_per_second") not in series
    assert len(series[SeriesKey(engine_id, "running")]) == 2


def test_series_is_of_the_gpus_asked_for_only(store: Store, db: None) -> None:
    store(build_reading(NOON, CALM, HOT))
    hot = Gpu.objects.get(index=1)
    series = api.read_gpu_series(gpu_ids=[hot.pk], span=Span(NOON, NOON + timedelta(minutes=1), 15, from_rollups=False))
    assert {key.subject_id for key in series} == {hot.pk}


def test_samples_go_with_their_day_and_rollups_stay(store: Store, at_noon: Callable[[datetime], None]) -> None:
    readings_of_an_hour(store)
    api.maintain()
    at_noon(NOON.replace(hour=23) + timedelta(days=READING_SAMPLE_DAYS))
    api.maintain()
    assert GpuSample.objects.count() == 4  # the day began more than seven days ago, its end did not
    at_noon(NOON.replace(hour=0) + timedelta(days=READING_SAMPLE_DAYS + 1))
    api.maintain()
    assert GpuSample.objects.count() == 0
    assert f"hardware_gpusample_{NOON:%Y%m%d}" not in partitions.list_partitions()
    assert GpuRollup.objects.filter(metric="utilization_percent").count() == 1


def test_samples_are_rolled_up_before_they_go(store: Store, at_noon: Callable[[datetime], None]) -> None:
    readings_of_an_hour(store)
    at_noon(NOON + timedelta(days=READING_SAMPLE_DAYS + 2))
    api.maintain()
    assert GpuSample.objects.count() == 0
    assert GpuRollup.objects.get(metric="utilization_percent").samples == 4


def test_rollups_go_with_their_month(store: Store, at_noon: Callable[[datetime], None]) -> None:
    readings_of_an_hour(store)
    api.maintain()
    at_noon(datetime(2026, 3, 31, 23, tzinfo=UTC) + timedelta(days=READING_ROLLUP_DAYS))
    api.maintain()
    assert GpuRollup.objects.exists()
    at_noon(datetime(2026, 4, 1, tzinfo=UTC) + timedelta(days=READING_ROLLUP_DAYS))
    api.maintain()
    assert not GpuRollup.objects.exists()
    assert not EngineRollup.objects.exists()


def test_host_that_nobody_asks_any_more_goes_with_its_last_rollup(
    store: Store, at_noon: Callable[[datetime], None]
) -> None:
    readings_of_an_hour(store)
    api.maintain()
    Host.objects.update(active=False)
    api.maintain()
    assert Host.objects.exists()
    at_noon(NOON + timedelta(days=READING_ROLLUP_DAYS + 31))
    api.maintain()
    assert not Host.objects.exists()
    assert not Gpu.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_partition_in_use_is_left_for_the_next_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "100ms")
    old = datetime(2025, 1, 10, tzinfo=UTC)
    partitions.ensure_partitions(old)
    later = old + timedelta(days=READING_SAMPLE_DAYS + 3)
    with connection.copy().cursor() as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM hardware_gpusample_20250110")
        assert partitions.drop_old(later) == partitions.Plan((), ())
        assert "left for the next time" in caplog.text
        reader.execute("ROLLBACK")
        reader.connection.close()
    assert "hardware_gpusample_20250110" in partitions.drop_old(later).drop
    partitions.drop_old(later + timedelta(days=READING_ROLLUP_DAYS + 40))


def test_partitions_are_made_once_and_ahead(db: None) -> None:
    first = partitions.ensure_partitions(NOON)
    assert f"hardware_gpusample_{NOON + timedelta(days=2):%Y%m%d}" in partitions.list_partitions()
    assert first.create
    assert partitions.ensure_partitions(NOON) == partitions.Plan((), ())
