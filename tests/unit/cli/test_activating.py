"""``models activate --json`` where the appliance runs: what answers in the end, and what went wrong on the way."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from appliance.cli.models.activate import Switched, _switch, build_document
from appliance.cli.screen import Screen, err
from appliance.local.bringing_up import Outcome
from appliance.local.model_choice import Activation, activation_file, write_activation
from appliance.settings import Settings

BEFORE, WANTED = Activation(hub_id="a/before"), Activation(hub_id="a/wanted")
CAME_UP = Outcome("http://127.0.0.1", "before", changed=True, problems=(), served="before")
DID_NOT = Outcome(
    "http://127.0.0.1", "none: it did not start", changed=True, problems=("It did not start.",), lacks_model=True
)


def switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome, record: str = "") -> Switched:
    settings = Settings(data_dir=tmp_path)
    (tmp_path / "model").mkdir()
    write_activation(settings, BEFORE)
    if record:
        activation_file(settings).write_text(record)
    left = iter(outcomes)
    monkeypatch.setitem(_switch.__globals__, "_bring_up", lambda _local, _screen: next(left))
    local: Any = SimpleNamespace(settings=settings, supervisor=SimpleNamespace(find_pid=lambda: 1))
    return _switch(local, WANTED, Screen(err))


def test_model_that_does_not_come_up_is_taken_back_and_its_problems_are_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = switch(tmp_path, monkeypatch, DID_NOT, CAME_UP)
    assert done == Switched(CAME_UP, ("It did not start.",), went_back=True)
    assert json.loads((tmp_path / "model" / "active.json").read_text())["hub_id"] == "a/before"
    document = build_document("a/wanted", BEFORE, done)
    assert (document["model"], document["went_back"], document["problems"]) == ("before", True, ["It did not start."])
    assert document["activated"] == {"path": None, "hub_id": "a/before", "revision": None}
    assert capsys.readouterr().out == ""


def test_model_before_that_does_not_come_up_either_is_said_with_both_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nor_that = replace(DID_NOT, problems=("It did not start.", "Nor did the other."))
    done = switch(tmp_path, monkeypatch, DID_NOT, nor_that)
    document = build_document("a/wanted", BEFORE, done)
    assert (document["model"], document["went_back"]) == (None, False)
    assert document["problems"] == ["It did not start.", "Nor did the other."]
    assert capsys.readouterr().err.count("It did not start.") == 1


def test_damaged_record_is_gone_back_to_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = switch(tmp_path, monkeypatch, DID_NOT, CAME_UP, record="{")
    assert (done.went_back, done.problems) == (False, ("It did not start.",))
    assert not (tmp_path / "model" / "active.json").exists()
    said = capsys.readouterr().err
    assert "What was activated before cannot be read: going back to the automatic choice." in said
    assert "what answered before" not in said


def test_model_that_comes_up_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert switch(tmp_path, monkeypatch, CAME_UP) == Switched(CAME_UP)
    assert json.loads((tmp_path / "model" / "active.json").read_text())["hub_id"] == "a/wanted"


def test_steps_are_shown_where_the_screen_is(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(err).step("Checking"):
        Screen(err).say("beside")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Checking" in shown.err
    assert "beside" in shown.err
