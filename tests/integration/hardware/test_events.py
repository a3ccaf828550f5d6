"""What happened to the engines is kept once, for as long as the hourly summaries, and given newest first."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from appliance.topology import READING_ROLLUP_DAYS
from inference.metrics.types import EngineEvent, HostReading
from tests.hardware.readings import build_reading
from webapp.hardware import api
from webapp.hardware.models import EngineEvent as Stored
from webapp.hardware.models import Host
from webapp.hardware.types import Span

Collect = Callable[[HostReading], int]
pytestmark = pytest.mark.django_db


def build_event(at: datetime, kind: str = "engine_ended", **more: object) -> EngineEvent:
    values = {"id": f"{kind}-{at.isoformat()}", "engine": "engine", "reason": "wedged", "seconds": 90.0, **more}
    return EngineEvent(at=at.isoformat(), kind=kind, **values)  # type: ignore[arg-type]  # as each test says


def list_kinds(now: datetime, days: int = 1) -> list[str]:
    (host,) = Host.objects.all()
    span = Span(now - timedelta(days=days), now + timedelta(minutes=1), 60)
    return [event.kind for event in api.list_engine_events(host_ids=[host.pk], span=span)]


def test_events_are_kept_with_all_they_say_and_come_newest_first(collect: Collect, now: datetime) -> None:
    ended = build_event(now - timedelta(seconds=50), exit_code=0, signal="SIGABRT", detail="nothing moved\0")
    started = build_event(now - timedelta(seconds=40), "engine_started", reason="", seconds=None)
    assert collect(build_reading(now, engine_events=(ended, started))) == 1
    assert list_kinds(now) == ["engine_started", "engine_ended"]
    kept = Stored.objects.get(kind="engine_ended")
    assert (kept.engine, kept.reason, kept.seconds, kept.exit_code) == ("engine", "wedged", 90.0, 0)
    assert (kept.signal, kept.detail, kept.at) == ("SIGABRT", "nothing moved", now - timedelta(seconds=50))


def test_event_that_comes_again_is_kept_once(collect: Collect, now: datetime) -> None:
    first, second = (build_event(now - timedelta(minutes=minutes)) for minutes in (9, 3))
    collect(build_reading(now - timedelta(seconds=30), engine_events=(first,)))
    collect(build_reading(now - timedelta(seconds=15), engine_events=(first, second)))
    collect(build_reading(now, engine_events=(first, second)))
    assert Stored.objects.count() == 2


def test_reading_of_an_earlier_release_has_no_events(collect: Collect, now: datetime) -> None:
    assert collect(build_reading(now)) == 1
    assert list_kinds(now) == []


def test_events_past_their_retention_are_neither_taken_nor_kept(collect: Collect, now: datetime) -> None:
    old = build_event(now - timedelta(days=READING_ROLLUP_DAYS + 1))
    collect(build_reading(now - timedelta(seconds=15), engine_events=(old,)))
    assert Stored.objects.count() == 0
    collect(build_reading(now, engine_events=(replace(old, at=now.isoformat()),)))
    Stored.objects.update(at=now - timedelta(days=READING_ROLLUP_DAYS + 1))
    api.maintain()
    assert Stored.objects.count() == 0
