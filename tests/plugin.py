"""Give every test session its own installation: a temporary data directory with a real PostgreSQL and a real Redis.

Loaded by ``-p tests.plugin``, before Django reads its settings. The servers start when the first test asks for them.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

# Short, so that unix sockets fit; enterable, because PostgreSQL runs as another user when the tests run as root.
INSTALLATION = Path(tempfile.mkdtemp(prefix="appl-"))
INSTALLATION.chmod(0o755)
CONFIG = INSTALLATION / "appliance.yaml"
CONFIG.write_text(f"data_dir: {INSTALLATION / 'var'}\n", encoding="utf-8")
os.environ["APPLIANCE_CONFIG"] = str(CONFIG)

from appliance.local.identity import Identity, ensure_identity  # noqa: E402 - reads the configuration made above
from appliance.local.postgres import EmbeddedPostgres  # noqa: E402
from appliance.local.redis import EmbeddedRedis  # noqa: E402
from appliance.settings import Settings, environment, load  # noqa: E402

START_SECONDS = 30


def pytest_unconfigure() -> None:
    shutil.rmtree(INSTALLATION, ignore_errors=True)


@pytest.fixture(scope="session")
def appliance_settings() -> Settings:
    """This session's own settings."""
    return load()


@pytest.fixture(scope="session")
def appliance_identity(appliance_settings: Settings) -> Identity:
    identity = ensure_identity(environment.REPOSITORY, INSTALLATION)
    for folder in (appliance_settings.data_dir, appliance_settings.run_dir, appliance_settings.log_dir):
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        identity.own(folder)
    return identity


@contextmanager
def running(command: list[str], log: Path, ready: Callable[[], bool]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run ``command`` until the block ends; enter it when ``ready``, or fail with the end of its log."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd="/")
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(2)  # PostgreSQL: fast shutdown; Redis: an orderly one
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def postgres(appliance_settings: Settings, appliance_identity: Identity) -> Iterator[EmbeddedPostgres]:
    """A real PostgreSQL with pgvector."""
    server = EmbeddedPostgres(appliance_settings, appliance_identity)
    server.initialise()

    def ready() -> bool:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    command = [*server.build_command(), "-c", "fsync=off", "-c", "full_page_writes=off"]
    with running(command, appliance_settings.log_dir / "postgres.log", ready):
        server.ensure_database(may_create_databases=True)
        yield server


@pytest.fixture(scope="session")
def redis_server(appliance_settings: Settings, appliance_identity: Identity) -> Iterator[EmbeddedRedis]:
    """A real Redis."""
    server = EmbeddedRedis(appliance_settings, appliance_identity)
    server.initialise()
    with running(server.build_command(), appliance_settings.log_dir / "redis.log", server.socket.exists):
        yield server
