"""A management command's words: each line as it comes, the end of them when it fails."""

import os
import sys
from pathlib import Path

import pytest

from appliance.cli.screen import ShownStep
from appliance.local.errors import LocalError
from appliance.local.identity import Identity
from appliance.local.management import Management
from appliance.programs import Installation
from appliance.settings import Settings


@pytest.fixture
def management(tmp_path: Path) -> Management:
    """With a stand-in for the web application's own command, in a root of its own."""
    settings = Settings(data_dir=tmp_path / "var")
    settings.log_dir.mkdir(parents=True)
    (tmp_path / "webapp").mkdir()
    (tmp_path / "webapp/__init__.py").touch()
    (tmp_path / "webapp/manage.py").write_text(
        "import sys\nprint('1 of 2')\nprint('2 of 2')\nprint('no', file=sys.stderr)\nsys.exit(int(sys.argv[1]))\n"
    )
    identity = Identity(os.getuid(), os.getgid(), ())
    return Management(settings, identity, Installation(tmp_path, tmp_path / "c.yaml", Path(sys.executable)))


def test_lines_are_seen_as_they_come_and_returned_together(management: Management) -> None:
    seen: list[str] = []
    assert management.run("0", see=seen.append) == "1 of 2\n2 of 2\n"
    assert seen == ["1 of 2", "2 of 2"]


def test_failure_has_the_end_of_what_was_said(management: Management) -> None:
    with pytest.raises(LocalError, match=r"`manage 3` failed:\n  \| no\n"):
        management.run("3")
    assert "$ manage 3 -> 3" in (management.settings.log_dir / "manage.log").read_text()


def test_command_does_not_outlive_an_interruption(management: Management) -> None:
    (management.installation.root / "webapp/manage.py").write_text(
        "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"
    )
    pids: list[str] = []

    def interrupt(line: str) -> None:
        pids.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        management.run("0", see=interrupt)
    assert not Path(f"/proc/{pids[0]}").exists()


def test_step_shows_its_note_while_it_goes_on() -> None:
    step = ShownStep("Demonstration documents")
    assert step.__rich__().plain == "Demonstration documents ..."
    step.note = "3 of 40 documents indexed"
    assert step.__rich__().plain == "Demonstration documents ... 3 of 40 documents indexed"
