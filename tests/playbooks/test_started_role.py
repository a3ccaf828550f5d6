"""The role that starts services, run by Ansible with a stand-in for systemctl: an interrupted run is made up for."""

from pathlib import Path
from typing import Any

import pytest

from tests.playbooks import playing

SYSTEMCTL = """#!/bin/sh
echo "$*" >> {log}
case "$1" in
  show) printf 'Id=ours.service\\nLoadState=loaded\\nActiveState=active\\nSubState=running\\n' ;;
  is-enabled) echo enabled ;;
esac
case "$* {broken}" in *restart*yes) exit 1 ;; esac
"""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    path = f"{tmp_path}/bin:/usr/bin:/bin"
    playing.write_play(tmp_path / "play.yml", roles=["started"], environment={"PATH": path})
    (tmp_path / "bin").mkdir()
    (tmp_path / "ours.conf").write_text("one")
    return tmp_path


def play(host: Path, *, broken: bool = False) -> tuple[bool, list[str], str]:
    """Whether it went through, and what was asked of systemd to be done."""
    log = host / "log"
    log.write_text("")
    systemctl = host / "bin" / "systemctl"
    systemctl.write_text(SYSTEMCTL.format(log=log, broken="yes" if broken else "no"))
    systemctl.chmod(0o755)
    variables: dict[str, Any] = {
        "appliance_host": {"paths": {"code": str(host / "code")}},
        "started_service": "ours.service",
        "started_files": [str(host / "ours.conf")],
        "started_enabled": True,
    }
    done = playing.play(host, host / "play.yml", variables)
    asked = [line for line in log.read_text().splitlines() if line.split()[0] in ("restart", "start", "daemon-reload")]
    return done.returncode == 0, asked, done.stdout


@pytest.mark.timeout(300)
def test_service_is_restarted_until_it_was_started_with_what_its_files_say(host: Path) -> None:
    restarted = ["daemon-reload", "restart ours.service"]
    assert play(host)[:2] == (True, restarted)
    went, asked, output = play(host)
    assert (went, asked) == (True, [])
    assert "changed=0" in output

    (host / "ours.conf").write_text("two")
    assert play(host, broken=True)[:2] == (False, restarted)
    # The file is as it should be, so nothing is written by this run; the restart is still owed.
    assert play(host)[:2] == (True, restarted)
    assert play(host)[:2] == (True, [])
