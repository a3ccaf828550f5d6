"""An operator's day with a running appliance. The tests run in this order on one appliance."""

import json
import os
import re
import shutil
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from appliance.settings import environment
from tests.system.conftest import Installed

PATIENCE_SECONDS = 60
NO_MODEL = "No language model is installed: these are the passages that match."


def letters(text: str) -> str:
    """Words only, so that markup and line breaks do not matter."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def wait_until_well(installed: Installed, name: str, *, not_pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        row = installed.read_status()[name]
        if row["healthy"] and row["pid"] != not_pid:
            return
        assert time.monotonic() < deadline, row
        time.sleep(0.5)


def test_first_up_prints_the_login_once_the_address_and_what_is_next(first_up: tuple[Installed, str]) -> None:
    installed, printed = first_up
    assert re.search(r"user +admin\n +password +\S{16,}\n", printed)
    assert f"Address   http://127.0.0.1:{installed.settings.web.port}" in printed
    assert "make ask" in printed


def test_every_component_is_well(running: Installed) -> None:
    status = running.read_status()
    assert list(status) == ["postgres", "redis", "embedder", "engine-proxy", "web", "worker", "ingester", "scheduler"]
    assert {name: row["detail"] for name, row in status.items() if not row["healthy"]} == {}
    assert running.run("status").returncode == 0


def test_secrets_are_not_in_logs_or_configuration(running: Installed) -> None:
    settings = running.settings
    values = [file.read_text() for file in settings.secrets_dir.iterdir()]
    assert len(values) >= 4
    files = [*settings.log_dir.iterdir(), settings.run_dir / "supervisord.conf"]
    assert not [file for file in files for value in values if value in file.read_text(errors="replace")]


def test_second_up_changes_nothing(running: Installed) -> None:
    before = {name: row["pid"] for name, row in running.read_status().items()}
    result = running.run("up")
    assert result.returncode == 0, result.stdout
    assert "Everything was up already" in result.stdout
    assert "password" not in result.stdout
    assert {name: row["pid"] for name, row in running.read_status().items()} == before


def test_pages_are_served(running: Installed) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{running.settings.web.port}/", timeout=10) as response:
        assert response.status == 200
        assert "login" in response.url


def test_answer_quotes_the_repositorys_own_documentation(running: Installed) -> None:
    result = running.run("ask", "What data leaves the appliance?")
    assert result.returncode == 0, result.stdout
    assert NO_MODEL in result.stdout
    quotes = [letters(quote) for quote in re.findall("“(.+?)”", result.stdout, re.DOTALL)]
    assert quotes
    root = environment.REPOSITORY
    written = [letters(file.read_text()) for file in [root / "README.md", *root.glob("docs/**/*.md")]]
    assert any(quote in text for quote in quotes for text in written), quotes


def test_killed_components_come_back_and_nothing_recorded_is_lost(running: Installed) -> None:
    for name in ("redis", "engine-proxy", "worker", "ingester"):
        pid = running.read_status()[name]["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_until_well(running, name, not_pid=pid)
    assert running.run("ask", "What data leaves the appliance?").returncode == 0


def test_logs_show_each_component(running: Installed) -> None:
    printed = running.run("logs").stdout
    assert all(
        f"{name:<12} | " in printed for name in ("postgres", "redis", "embedder", "worker", "ingester", "scheduler")
    )
    assert "worker@appliance" in running.run("logs", "worker", "--lines", "500").stdout
    assert running.run("logs", "nothing").returncode == 2


def test_port_in_use_is_named_with_its_owner_and_nothing_is_started(running: Installed, other: Installed) -> None:
    taken = running.settings.web.port
    other.config.write_text(re.sub(r"web: .*", f"web: {{port: {taken}}}", other.config.read_text()))
    result = other.run("up")
    assert result.returncode == 3
    assert f"port {taken}, which web needs, is in use by process {running.read_status()['web']['pid']}" in result.stdout
    assert "web.port in appliance.yaml" in result.stdout
    assert other.list_processes() == []


def test_configuration_that_is_wrong_is_refused_with_the_key(other: Installed) -> None:
    other.config.write_text("web: {prot: 1}\n")
    result = other.run("up")
    assert result.returncode == 3
    assert "did you mean 'web.port'?" in result.stdout
    assert "Traceback" not in result.stdout


def test_interrupted_up_leaves_nothing_and_admits_no_second_one(other: Installed) -> None:
    up = other.start("up")
    assert up.stdout is not None
    try:
        for line in up.stdout:
            if "postgres" in line:
                break
        second = other.run("up")
        assert second.returncode == 4
        assert f"process {up.pid}" in second.stdout
        up.send_signal(signal.SIGINT)
        rest = up.stdout.read()
        assert up.wait(PATIENCE_SECONDS) == 130, rest
    finally:
        up.kill()
        up.wait()
        up.stdout.close()
    assert "Stopping what was started" in rest
    assert other.list_processes() == []


def test_what_a_killed_supervisor_left_does_not_hinder_the_next_up(running: Installed) -> None:
    pid = int((running.settings.run_dir / "supervisord.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    result = running.run("up")
    assert result.returncode == 0, result.stdout
    assert "that an earlier run left" in result.stdout


def test_down_leaves_no_process_and_up_again_has_all_data(running: Installed) -> None:
    result = running.run("down")
    assert result.returncode == 0, result.stdout
    assert running.list_processes() == []
    assert running.run("status").returncode == 5
    assert running.run("ask", "Anything?").returncode == 5
    again = running.run("up")
    assert again.returncode == 0, again.stdout
    assert "there already" in again.stdout
    assert running.run("ask", "What data leaves the appliance?").returncode == 0


@pytest.mark.timeout(600)
def test_model_that_appears_later_answers_after_one_command(running: Installed, tiny_checkpoint: Path) -> None:
    broken = tiny_checkpoint.parent / "broken"
    shutil.copytree(tiny_checkpoint, broken)
    (broken / "tokenizer.json").unlink()
    refused = running.run("models", "activate", str(broken))
    assert refused.returncode == 1
    assert "there is no tokenizer" in refused.stdout
    assert NO_MODEL in running.run("ask", "What data leaves the appliance?").stdout

    asked_first = running.run("models", "activate", str(tiny_checkpoint))
    assert asked_first.returncode == 1
    assert "Nobody wrote down which licence" in asked_first.stdout
    assert "engine" not in running.read_status()

    person = ("--acknowledge-licence", "--as", "Test Person")
    switched = running.run("models", "activate", str(tiny_checkpoint), *person)
    assert switched.returncode == 0, switched.stdout
    kept = json.loads((running.settings.data_dir / "model" / "licences.json").read_text())["acknowledged"]
    assert [(each["name"], each["recorded"]) for each in kept] == [("Test Person", True)]
    assert tiny_checkpoint.name in running.run("models", "show").stdout
    asked = running.run("ask", "What data leaves the appliance?")
    assert NO_MODEL not in asked.stdout
    assert re.search(rf"Answered by: {tiny_checkpoint.name} .* tokens in, .* out", asked.stdout), asked.stdout

    back = running.run("models", "activate", "auto")
    assert back.returncode == 0, back.stdout
    assert "engine" not in running.read_status()
    assert NO_MODEL in running.run("ask", "What data leaves the appliance?").stdout
