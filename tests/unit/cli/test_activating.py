"""``models activate --json`` where the appliance runs: what answers in the end, and what went wrong on the way."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from appliance.cli.models.activate import Switched, _switch, build_document
from appliance.cli.screen import Screen, err
from appliance.local.bringing_up import Outcome
from appliance.local.model_choice import Activation, write_activation
from appliance.settings import Settings

BEFORE, WANTED = Activation(hub_id="a/before"), Activation(hub_id="a/wanted")
CAME_UP = Outcome("http://127.0.0.1", "before", changed=True, problems=())
DID_NOT = Outcome("http://127.0.0.1", "none", changed=True, problems=("It did not start.",), lacks_model=True)


def switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome) -> Switched:
    settings = Settings(data_dir=tmp_path)
    (tmp_path / "model").mkdir()
    write_activation(settings, BEFORE)
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
