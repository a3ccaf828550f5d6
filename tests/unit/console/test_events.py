"""What happened to an engine, in words, and what of it is marked on the charts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from webapp.console.hardware.events import list_events, list_marks, say_event
from webapp.hardware.types import EventInfo

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def event(kind: str, *, minute: int = 0, **more: Any) -> EventInfo:
    return EventInfo(**{"host_id": 1, "engine": "engine", "kind": kind, "at": NOON + timedelta(minutes=minute), **more})


@pytest.mark.parametrize(
    ("said", "level", "text"),
    [
        (event("engine_started"), "quiet", "started"),
        (event("engine_ready", seconds=41.6), "good", "ready after 41 seconds"),
        (event("engine_wedged", seconds=90.0), "bad", "wedged: no sign of life for 90 seconds"),
        (event("engine_ended", reason="wedged", seconds=90.0), "bad", "restarted: wedged for 90 seconds"),
        (event("engine_ended", reason="crashed", signal="SIGKILL"), "bad", "restarted: it was ended by SIGKILL"),
        (event("engine_ended", reason="crashed", exit_code=0), "bad", "restarted: it ended by itself with code 0"),
        (event("engine_ended", reason="not_ready"), "bad", "restarted: it did not get ready"),
        (event("engine_ended", reason="lost"), "bad", "restarted: it was killed, or its machine stopped"),
        (event("engine_drained", seconds=12.0), "information", "stopped when asked, in 12 seconds"),
        (event("model_refused"), "bad", "not started: its model is refused"),
        (event("engine_not_started"), "bad", "not started, and tried again until it is"),
        (event("engine_of_the_future"), "information", "engine of the future"),
    ],
)
def test_each_kind_is_one_sentence(said: EventInfo, level: str, text: str) -> None:
    assert (say_event(said).level, say_event(said).text) == (level, text)


def test_wedged_engine_is_one_line_once_it_has_ended() -> None:
    wedged, ended = event("engine_wedged", seconds=90.0), event("engine_ended", minute=1, reason="wedged", seconds=90.0)
    assert [line.what.text for line in list_events([ended, wedged], {})] == ["restarted: wedged for 90 seconds"]
    assert [line.what.text for line in list_events([wedged], {})] == ["wedged: no sign of life for 90 seconds"]


def test_where_names_host_and_engine_only_where_there_are_several() -> None:
    further = event("engine_started", engine="engine-small")
    assert [line.where for line in list_events([event("engine_started"), further], {})] == ["", "small"]
    assert [line.where for line in list_events([further], {1: "gpu-1"})] == ["gpu-1, small"]


def test_charts_are_marked_where_nobody_asked_for_the_end() -> None:
    happened = [
        event("engine_not_started", minute=6),
        event("model_refused", minute=5),
        event("engine_ended", minute=4, reason="crashed", signal="SIGKILL"),
        event("engine_drained", minute=3, reason="stopped"),
        event("engine_ready", minute=2),
        event("engine_ended", minute=1, reason="lost"),
        event("engine_wedged", minute=0, reason="wedged"),
    ]
    assert [(mark.at - NOON).total_seconds() / 60 for mark in list_marks(happened, {})] == [1, 4, 5, 6]
    assert list_marks(happened, {1: "gpu-1"})[1].label == "gpu-1: restarted: it was ended by SIGKILL"
