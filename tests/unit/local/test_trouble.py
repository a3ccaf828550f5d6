"""A folder that cannot be written is one message with the fix, before and after there is an environment."""

import errno
import signal
from pathlib import Path

import pytest

from appliance.cli import __main__ as command
from appliance.local import environments
from appliance.local.bootstrap.trouble import explain_os_error


@pytest.mark.parametrize(
    ("number", "fix"),
    [(errno.EACCES, "correct its owner"), (errno.ENOSPC, "Free some space"), (errno.EROFS, "Make the file system")],
)
def test_refusal_of_the_machine_has_path_and_fix(number: int, fix: str) -> None:
    explained = explain_os_error(OSError(number, "no", "/srv/file"))
    assert explained is not None
    assert explained.startswith("/srv/file cannot be used: no. ")
    assert fix in explained


def test_other_errors_are_not_explained_away() -> None:
    assert explain_os_error(FileNotFoundError(errno.ENOENT, "gone", "/srv/file")) is None


def refuse(*_arguments: object, **_named: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", "/code/.venv")


def test_environment_that_cannot_be_written_is_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / "appliance.yaml"))
    (tmp_path / "appliance.yaml").touch()
    monkeypatch.setattr(environments, "ensure", refuse)
    assert environments.main(["ensure", "webapp"]) == 3
    assert capsys.readouterr().err.startswith("/code/.venv cannot be used: Permission denied. Run this as the user")


def test_file_that_a_verb_cannot_read_is_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "application", refuse)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert command.main() == 3
    assert "Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["absent", "folder"])
def test_configuration_that_cannot_be_read_stops_before_anything_is_installed(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / kind))
    assert environments.main(["ensure", "webapp"]) == 3
    assert str(tmp_path / kind) in capsys.readouterr().err
