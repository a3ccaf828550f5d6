"""Running the playbook as an operator does, with an environment that can reach nothing but the stand-in."""

import json
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from appliance.settings import environment

ROOT = environment.REPOSITORY
PROGRAMS = ROOT / ".venv" / "deploy" / "bin"
ANSIBLE = ROOT / "ansible"
NAME = "appliance"
START_SECONDS = 60
RECAP = re.compile(r"^vpc\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """One run of the playbook and its closing line."""

    output: str
    seconds: float
    changed: int
    failed: int


@dataclass(frozen=True)
class Cloud:
    """The stand-in, and a folder for what the programs write at home."""

    port: int
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """Closed: with no credentials, profile or metadata service but these, the real cloud cannot answer."""
        return {
            "PATH": f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "stand-in",
            "AWS_SECRET_ACCESS_KEY": "stand-in",
            "AWS_DEFAULT_REGION": "eu-west-2",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def play(self, *options: str, **variables: Any) -> Run:
        command = [
            str(PROGRAMS / "ansible-playbook"), "-i", "inventories/vpc/hosts.yml", "playbooks/vpc.yml",
            "-e", json.dumps(variables), *options,
        ]  # fmt: skip
        started = time.monotonic()
        result = subprocess.run(
            command, cwd=ANSIBLE, env=self.environment, capture_output=True, text=True, check=False, timeout=280
        )
        recap = RECAP.search(result.stdout)
        assert recap is not None, result.stdout[-3000:] + result.stderr[-3000:]
        return Run(result.stdout + result.stderr, time.monotonic() - started, int(recap.group(2)), int(recap.group(4)))

    def describe(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.run_script("describe"))
        return state

    def run_script(self, verb: str) -> str:
        command = [str(PROGRAMS / "python"), "-P", str(Path(__file__).with_name("cloud.py")), verb, NAME]
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout


def read_example_settings() -> dict[str, Any]:
    """``appliance_settings`` of the example inventory."""
    variables = yaml.safe_load((ANSIBLE / "inventories" / "vpc" / "group_vars" / "all.yml").read_text(encoding="utf-8"))
    settings: dict[str, Any] = variables["appliance_settings"]
    return settings


@contextmanager
def running_cloud(home: Path) -> Iterator[Cloud]:
    """The stand-in with an empty account, on loopback, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "moto.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(PROGRAMS / "moto_server"), "-H", "127.0.0.1", "-p", str(port)], stdout=output, stderr=output, cwd=home
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"moto_server did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield Cloud(port, home)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/data.json", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
