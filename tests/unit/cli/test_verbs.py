"""The command line's own small parts; what verbs do is tested on the running appliance."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.cli.app import application
from appliance.cli.logs import LogFile
from appliance.cli.models.activate import read_argument
from appliance.cli.models.progress import show_progress
from appliance.cli.screen import err, out
from appliance.cli.status import build_row, describe_leftovers, format_duration
from appliance.local.errors import LocalError
from appliance.local.health import Health
from appliance.local.instance import ComponentStatus
from appliance.local.model_choice import Activation
from appliance.local.supervisor import ProgramState
from appliance.topology import Component
from inference.registry.load import load_catalogue

CATALOGUE = load_catalogue()
WEB = Component("web", "Pages.", "front", "asgi", "http")


@pytest.mark.parametrize("verb", ["up", "down", "status", "logs", "ask", "doctor", "models"])
def test_every_verb_explains_itself(verb: str) -> None:
    result = CliRunner().invoke(application, [verb, "--help"])
    assert result.exit_code == 0
    assert verb in CliRunner().invoke(application, ["--help"]).output


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (-3, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90061, "1 d 1 h")],
)
def test_duration_has_its_two_largest_units(seconds: float, expected: str) -> None:
    assert format_duration(seconds) == expected


def test_running_component_has_a_process_and_a_time() -> None:
    state = ProgramState("web", "RUNNING", 7, 0, "")
    assert build_row(ComponentStatus(WEB, state, Health(ok=True, detail="fine"), "http://127.0.0.1:1")) == {
        "component": "web", "state": "running", "pid": 7, "since": "1970-01-01T00:00:00+00:00",
        "address": "http://127.0.0.1:1", "healthy": True, "detail": "fine",
    }  # fmt: skip


def test_stopped_component_has_neither() -> None:
    row = build_row(ComponentStatus(WEB, None, Health(ok=False, detail="stopped"), ""))
    assert (row["state"], row["pid"], row["since"], row["address"]) == ("stopped", None, None, None)


def test_model_argument_is_a_directory_a_hub_id_or_auto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert read_argument("auto", models_dir=tmp_path, catalogue=CATALOGUE) is None
    assert read_argument("here", models_dir=tmp_path, catalogue=CATALOGUE) == Activation(path=str(tmp_path / "here"))
    assert read_argument("./absent", models_dir=tmp_path, catalogue=CATALOGUE) == Activation(
        path=str(tmp_path / "absent")
    )
    assert read_argument("owner/name", models_dir=tmp_path, catalogue=CATALOGUE) == Activation(hub_id="owner/name")
    assert read_argument("owner/name@v1", models_dir=tmp_path, catalogue=CATALOGUE) == Activation(
        hub_id="owner/name", revision="v1"
    )
    with pytest.raises(LocalError, match="neither a directory here, nor a model that was imported"):
        read_argument("name", models_dir=tmp_path, catalogue=CATALOGUE)


@pytest.mark.parametrize("model", ["Qwen/", "Qwen/@main", "a b/c d", "Qwen/x\n", "-x/y", "a/.b", "a/b..c", "a/b/c"])
def test_model_argument_with_a_slash_is_no_hub_id_for_that(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LocalError, match=r"nor a hub id, which is written owner/name"):
        read_argument(model, models_dir=tmp_path, catalogue=CATALOGUE)


def test_model_argument_that_is_no_set_of_weights_is_answered_with_those_that_are_meant(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"is a model of the catalogue\. Name which .*: Qwen/Qwen3-0\.6B"):
        read_argument("qwen3-0.6b", models_dir=tmp_path, catalogue=CATALOGUE)
    with pytest.raises(LocalError, match=r"Closest to it: qwen3-0\.6b, .* All there are: bin/appliance models list"):
        read_argument("qwen3-06b", models_dir=tmp_path, catalogue=CATALOGUE)


def test_followed_log_goes_on_after_rotation(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    path.write_text("1\n2\n3\n")
    log = LogFile("web", path)
    assert log.read_end(2) == ["2", "3"]
    with path.open("a") as handle:
        handle.write("4\n")
    assert log.read_added() == ["4"]
    path.rename(tmp_path / "web.log.1")
    assert log.read_added() == []
    path.write_text("5\n")
    assert log.read_added() == ["5"]
    assert log.read_added() == []


def test_log_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    log = LogFile("web", tmp_path / "web.log")
    assert log.read_end(5) == []
    (tmp_path / "web.log").write_text("first\n")
    assert log.read_added() == ["first"]


def test_processes_without_their_supervisor_are_not_called_nothing() -> None:
    assert describe_leftovers(0).startswith("Nothing is running.")
    assert "7 processes that it started still run" in describe_leftovers(7)


def test_what_others_wrote_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    for console in (out, err):
        console.print("redis://:key:fire:", markup=False)
    shown = capsys.readouterr()
    assert shown.out == shown.err == "redis://:key:fire:\n"


def test_long_reading_says_how_far_it_is_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress() as shown:
        shown.begin("Importing [red]m", 30 * 1024**3)
        for _ in range(5):
            shown.advance(5 * 1024**3)
    assert capsys.readouterr().err == "Importing [red]m, 30.0 GiB\n  10 GiB done\n  20 GiB done\n"
