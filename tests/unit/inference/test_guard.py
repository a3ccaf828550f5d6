"""What starts the engine looks at the model first, each time, and becomes the engine only then."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.settings import environment
from inference.registry.refusals import FileChangedError
from inference.serving.command import Command
from inference.serving.events import EventLog
from inference.serving.guard import guard_command
from inference.serving.launch import build_command
from tests.unit.inference.model_folders import FIRST, write_model
from tests.unit.topology.layouts import hosts

ENGINE = Command(("/bin/echo", "engine", "--host", "127.0.0.1"), {"PYTHONPATH": str(environment.REPOSITORY)})


def start(model: Path, models_dir: Path) -> "subprocess.CompletedProcess[str]":
    events = models_dir.parent / "events"
    command = guard_command(ENGINE, model, python=Path(sys.executable), models_dir=models_dir, events=events)
    return subprocess.run(command.argv, env=command.env, cwd="/", capture_output=True, text=True, check=False)


def test_guard_stands_before_the_whole_command() -> None:
    guarded = guard_command(
        ENGINE, Path("/m"), python=Path("/p"), models_dir=Path("/d/model"), events=Path("/d/events")
    )
    assert guarded.argv == (
        "/p", "-m", "inference.serving.guard", "--models", "/d/model", "--path", "/m",
        "--events", "/d/events", "--engine", "engine", "--",
        "/bin/echo", "engine", "--host", "127.0.0.1",
    )  # fmt: skip
    assert guarded.env == ENGINE.env
    waits = guard_command(
        ENGINE, Path("/m"), python=Path("/p"), models_dir=Path("/d"), after=["http://a", "http://b"], after_seconds=600
    )
    assert waits.argv[7:14] == ("--after", "http://a", "--after", "http://b", "--after-seconds", "600", "--")


def test_engine_starts_with_a_good_model_and_not_with_one_that_went_bad(tmp_path: Path) -> None:
    model, models_dir = write_model(tmp_path / "m"), tmp_path / "model"
    models_dir.mkdir()
    for _ in range(2):
        assert start(model, models_dir).stdout == "engine --host 127.0.0.1\n"
    with (model / FIRST).open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x01")
    refused = start(model, models_dir)
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "The model is not loaded." in refused.stderr
    assert FIRST in refused.stderr
    assert "Traceback" not in refused.stderr
    recorded = EventLog(tmp_path / "events", "engine").find_last()
    assert recorded is not None
    assert (recorded.kind, recorded.exit_code, recorded.restarts) == ("model_refused", 4, {})
    assert FIRST in recorded.detail


def test_installed_engine_is_given_a_verified_directory_only(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m")
    settings = hosts(model={"path": str(model), "device": "cpu"}, data_dir=tmp_path / "data")
    (tmp_path / "data" / "model").mkdir(parents=True)
    assert str(model) in build_command("engine", settings, python=Path(sys.executable)).argv
    (model / "README.md").write_text("changed")
    with pytest.raises(FileChangedError):
        build_command("engine", settings, python=Path(sys.executable))
