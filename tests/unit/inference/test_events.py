"""What happened to an engine: written once, read by others, bounded, and never a reason to fail."""

import json
from pathlib import Path

import pytest

from inference.serving import events
from inference.serving.events import EventLog, read_events, read_folder


def test_event_is_one_line_of_json_that_others_may_read(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events", "engine")
    event = log.record("engine_ready", seconds=41.5)
    (line,) = log.path.read_text().splitlines()
    document = json.loads(line)
    assert (document["schema_version"], document["id"], document["kind"]) == (1, event.id, "engine_ready")
    assert log.path.stat().st_mode & 0o777 == 0o644
    assert read_folder(tmp_path / "events") == (event,)


def test_restarts_are_counted_on_from_the_last_event(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "engine")
    log.record("engine_ended", reason="wedged", restarts_for="wedged")
    log.record("engine_started")
    log.record("engine_ended", reason="crashed", restarts_for="crashed")
    assert log.record("engine_ended", reason="wedged", restarts_for="wedged").restarts == {"wedged": 2, "crashed": 1}


def test_engine_that_was_lost_is_so_after_tries_that_came_to_nothing(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "engine")
    log.record("engine_not_started", detail="no such directory")
    assert not log.was_lost(), "it never was there"
    log.record("engine_ready")
    log.record("engine_not_started", detail="not mounted")
    log.record("engine_not_started", detail="does not fit")
    assert log.was_lost()
    log.record("engine_ended", reason="lost", restarts_for="lost")
    assert not log.was_lost()


def test_file_is_bounded_and_counts_survive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_BYTES", 2000)
    log = EventLog(tmp_path, "engine")
    for number in range(100):
        log.record("engine_ended", reason="crashed", restarts_for="crashed", detail=str(number))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 6000
    found = read_events(log.path)
    assert found[-1].restarts == {"crashed": 100}
    assert [event.detail for event in found] == [str(number) for number in range(100 - len(found), 100)]


def test_log_lines_stay_in_the_file_and_are_bounded(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "engine")
    event = log.record("engine_ended", detail="d" * 5000, log=["x" * 5000] * 100)
    document = json.loads(log.path.read_text())
    assert len(document["log"]) == events.LOG_LINES
    assert {len(line) for line in document["log"]} == {events.LOG_CHARACTERS}
    assert len(event.detail) == events.DETAIL_CHARACTERS
    assert not hasattr(event, "log")


def test_what_callers_asked_for_is_not_among_the_log_lines(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "engine")
    log.record("engine_ended", log=["first", "NewRequestData(sampling_params=SamplingParams(...))", "last"])
    assert json.loads(log.path.read_text())["log"] == ["first", "last"]


def test_line_that_was_cut_short_or_is_of_another_release_is_passed_over(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "engine")
    event = log.record("engine_started")
    with log.path.open("a") as stream:
        stream.write('{"schema_version": 2, "id": "x"}\n[]\n{"schema_version": 1}\n{"schema_version": 1, "id": "y", ')
    assert read_events(log.path) == [event]
    later = log.record("engine_ready")
    assert log.find_last() == later


def test_events_of_several_engines_are_in_order_of_time(tmp_path: Path) -> None:
    first, second = EventLog(tmp_path, "engine"), EventLog(tmp_path, "engine-small")
    made = [log.record("engine_started") for log in (second, first, second)]
    assert [event.engine for event in read_folder(tmp_path)] == [event.engine for event in made]


def test_folder_that_cannot_be_written_is_said_and_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events").write_text("a file")
    EventLog(tmp_path / "events", "engine").record("engine_started")
    assert "engine_started was not recorded" in capsys.readouterr().err
    assert read_folder(tmp_path / "events") == ()
