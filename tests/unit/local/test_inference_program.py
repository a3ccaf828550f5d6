"""A program of the inference environment is run to its end; here it is a few lines in this environment's Python."""

import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.local import inference_program
from appliance.local.errors import LocalError
from appliance.local.identity import Identity
from appliance.local.inference_program import LOCK, run, working_folder
from appliance.local.instance import LocalAppliance
from appliance.programs import Installation
from appliance.settings import Settings

ANSWERS = """
import json, sys
request = json.load(sys.stdin)
print("a library's own words")
print(json.dumps({"step": "Working", "done": 1, "total": 2}), flush=True)
print(json.dumps(request["answer"]), flush=True)
sys.stderr.write("the end of what it wrote")
sys.exit(request["code"])
"""
TIDIES = """
import pathlib, signal, sys, time
def stop(*_):
    time.sleep(1)
    pathlib.Path({tidy!r}).touch()
    sys.exit(130)
signal.signal(signal.SIGTERM, stop)
pathlib.Path({begun!r}).touch()
time.sleep(600)
"""


def interrupt_when(file: Path) -> None:
    """As Ctrl-C does, once ``file`` is there."""
    while not file.exists():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalAppliance:
    """An installation whose inference environment has the module ``program`` and nothing else."""
    python = tmp_path / "inference" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / "program.py").write_text(ANSWERS)
    monkeypatch.setattr(inference_program, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(LocalAppliance, "identity", Identity(os.getuid(), os.getgid(), ()))
    installation = Installation(tmp_path, tmp_path / "appliance.yaml", Path(sys.executable))
    return LocalAppliance(Settings(data_dir=tmp_path / "var"), installation)


def ask(local: LocalAppliance, answer: dict[str, Any], code: int = 0) -> Any:
    seen: list[tuple[str, int, int]] = []
    with working_folder(local, "work") as folder:
        found = run(
            local, "program", {"answer": answer, "code": code}, folder=folder,
            see=lambda words, done, total: seen.append((words, done, total)),
        )  # fmt: skip
    assert seen == [("Working", 1, 2)]
    return found


def test_result_is_what_the_program_said_last(local: LocalAppliance) -> None:
    assert ask(local, {"result": {"perplexity": 7}}) == {"perplexity": 7}
    assert list(local.settings.data_dir.iterdir()) == []


def test_refusal_is_in_the_programs_own_words(local: LocalAppliance) -> None:
    with pytest.raises(LocalError, match=r"^There is no room\.$"):
        ask(local, {"refused": "There is no room."}, 3)
    assert list(local.settings.data_dir.iterdir()) == []


def test_program_that_breaks_is_shown_with_the_end_of_what_it_wrote(local: LocalAppliance) -> None:
    with pytest.raises(LocalError, match=r"ended with 1:\nthe end of what it wrote"):
        ask(local, {}, 1)


def test_folder_of_a_killed_command_is_removed_by_the_next_one(local: LocalAppliance) -> None:
    data_dir = local.settings.data_dir
    for name in ("work-dead", "other-dead"):
        (data_dir / name).mkdir(parents=True)
        (data_dir / name / LOCK).touch()
    with working_folder(local, "work") as first, working_folder(local, "work") as second:
        assert {path.name for path in data_dir.iterdir()} == {"other-dead", first.name, second.name}


def test_contents_are_for_the_programs_user_alone(local: LocalAppliance, monkeypatch: pytest.MonkeyPatch) -> None:
    user = 12345 if os.geteuid() == 0 else os.getuid()
    monkeypatch.setattr(LocalAppliance, "identity", Identity(user, os.getgid(), ("setpriv",) if user == 12345 else ()))
    previous = os.umask(0)
    try:
        with working_folder(local, "work", {"text": b"what somebody wrote"}) as folder:
            for path, mode in ((folder, 0o700), (folder / "text", 0o600)):
                assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (user, mode)
            assert (folder / "text").read_bytes() == b"what somebody wrote"
    finally:
        os.umask(previous)


@pytest.fixture
def hears_interrupts() -> Iterator[None]:
    """Whoever runs the tests in the background of a shell has them ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_interrupts")
def test_interrupt_waits_until_the_program_has_tidied_up(local: LocalAppliance, tmp_path: Path) -> None:
    begun, tidy = tmp_path / "begun", tmp_path / "tidy"
    (tmp_path / "program.py").write_text(TIDIES.format(begun=str(begun), tidy=str(tidy)))
    interrupting = threading.Thread(target=interrupt_when, args=(begun,))
    interrupting.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(local, "program", {}, folder=tmp_path, see=lambda *_: None)
    interrupting.join()
    assert tidy.exists()
    assert time.monotonic() - started < 60
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
