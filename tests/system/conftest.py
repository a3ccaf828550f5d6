"""One appliance, started by its own command as an operator would, shared by the tests of this folder."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.local.processes import find_marked
from appliance.settings import Settings, environment, load

COMMAND = environment.REPOSITORY / "bin" / "appliance"
VERB_SECONDS = 280


@dataclass(frozen=True)
class Installed:
    """A configuration and the operator's command for it."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "appliance.yaml"

    @property
    def settings(self) -> Settings:
        return load(self.config)

    @property
    def environment(self) -> dict[str, str]:
        return environment.full() | {"APPLIANCE_CONFIG": str(self.config)}

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a verb to its end, with both outputs together, as a terminal shows them."""
        return subprocess.run(
            [COMMAND, *arguments], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=VERB_SECONDS, check=False,
        )  # fmt: skip

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [COMMAND, *arguments], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def read_status(self) -> dict[str, dict[str, Any]]:
        """Component to its row of ``status --json``."""
        return {row["component"]: row for row in json.loads(self.run("status", "--json").stdout)["components"]}

    def list_processes(self) -> list[int]:
        return find_marked(Settings(data_dir=self.folder / "var"))  # also where the configuration cannot be read


def find_free_ports(count: int) -> list[int]:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports


def install() -> Installed:
    """A folder with a configuration of its own: free ports, and no language model unless a test activates one."""
    folder = Path(tempfile.mkdtemp(prefix="appl-"))
    folder.chmod(0o755)  # the components' user has to enter it
    web, engine, embedder, proxy = find_free_ports(4)
    (folder / "appliance.yaml").write_text(
        f"data_dir: var\nweb: {{port: {web}}}\nmodel: {{port: {engine}, automatic: false}}\n"
        f"embeddings: {{port: {embedder}}}\nengine_proxy: {{port: {proxy}}}\nworker: {{concurrency: 2}}\n"
    )
    return Installed(folder)


def remove(installed: Installed) -> None:
    installed.run("down")
    for pid in installed.list_processes():
        os.kill(pid, 9)
    shutil.rmtree(installed.folder)


@pytest.fixture
def other() -> Iterator[Installed]:
    """A second installation that nothing has been started in."""
    installed = install()
    yield installed
    remove(installed)


@pytest.fixture(scope="session")
def first_up() -> Iterator[tuple[Installed, str]]:
    """The shared appliance and what its first ``up`` printed."""
    installed = install()
    try:
        result = installed.run("up")
        assert result.returncode == 0, result.stdout
        yield installed, result.stdout
    finally:
        remove(installed)


@pytest.fixture
def running(first_up: tuple[Installed, str]) -> Installed:
    return first_up[0]


@pytest.fixture
def tiny_checkpoint() -> Iterator[Path]:
    """A tiny model with random weights, in a folder that the components' user can read."""
    folder = Path(tempfile.mkdtemp(prefix="appl-model-"))
    python = environment.REPOSITORY / ".venv" / "inference" / "bin" / "python"
    command = [str(python), "-m", "tests.engines.tiny", "--folder", str(folder), "--family", "qwen3"]
    subprocess.run(command, cwd=environment.REPOSITORY, check=True, capture_output=True, timeout=VERB_SECONDS)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield folder / "tiny-qwen3"
    shutil.rmtree(folder)
