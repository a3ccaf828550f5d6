"""``bin/appliance``: how it becomes the command, from any folder and with an environment that is not finished."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.local import environments
from appliance.local.environments import InstallError, Plan, build_cli_command
from appliance.settings import environment

REPOSITORY = environment.REPOSITORY


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The part of a checkout that runs before anything is installed."""
    shutil.copytree(REPOSITORY / "bin", tmp_path / "checkout/bin")
    shutil.copytree(REPOSITORY / "appliance", tmp_path / "checkout/appliance")
    (tmp_path / "checkout/requirements").mkdir()
    return tmp_path / "checkout"


def run(checkout: Path, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [checkout / "bin/appliance", *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("module", ["appliance/__init__.py", "argparse.py"])
def test_modules_of_the_current_folder_are_not_executed(checkout: Path, tmp_path: Path, module: str) -> None:
    trap = tmp_path / "trap" / module
    trap.parent.mkdir(parents=True)
    trap.write_text("raise SystemExit('executed')")
    result = run(checkout, "status", cwd=tmp_path / "trap")
    assert "executed" not in result.stderr
    assert "is not there" in result.stderr


def test_what_the_command_becomes_does_not_search_the_current_folder_either() -> None:
    assert build_cli_command(Path("/p"), ["status"]) == ["/p", "-P", "-m", "appliance.cli", "status"]


def test_without_an_environment_nothing_is_claimed_about_what_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path)
    with pytest.raises(InstallError, match="cannot look at the appliance"):
        environments._become_command(["status"])


@pytest.mark.parametrize("verb", ["down", "status", "logs", "ask"])
def test_unfinished_environment_is_enough_to_look_and_to_stop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verb: str
) -> None:
    """An interrupted upgrade leaves no stamp, and everything running."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").touch()
    plan = Plan(tmp_path, environments.REQUIREMENTS / "webapp.lock", ())
    became: list[list[str]] = []
    monkeypatch.setattr(environments, "build_plan", lambda _name: plan)
    monkeypatch.setattr(os, "execv", lambda _python, argv: became.append(argv))
    environments._become_command([verb])
    assert became == [build_cli_command(plan.python, [verb])]


def test_incomplete_environment_is_said_without_a_traceback(checkout: Path) -> None:
    """The interpreter of the tests, without its packages."""
    python = REPOSITORY / ".venv/webapp/bin/python"
    command = [str(python), "-I", "-S", "-c"]
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(checkout)!r}); "
        "runpy.run_module('appliance.cli', run_name='__main__', alter_sys=True)"
    )
    result = subprocess.run([*command, code], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 3
    assert "an installation was interrupted" in result.stderr
    assert "Traceback" not in result.stderr
