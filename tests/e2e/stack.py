"""A whole appliance for the browser tests: its own data directory, PostgreSQL, Redis, web, worker and scheduler."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from appliance.local.identity import ensure_identity
from appliance.local.postgres import EmbeddedPostgres
from appliance.local.redis import EmbeddedRedis
from appliance.settings import environment, load
from inference.serving.command import Command
from tests.engines.launch import free_port, running

PASSWORD = "a password for tests"
PEOPLE = ("ada", "grace", "joan")
ADMINISTRATOR = "root-user"
DEADLINE_SECONDS = 90
PEOPLE_SCRIPT = f"""
from webapp.accounts.models import User
for name in {PEOPLE!r}:
    User.objects.create_user(name, password={PASSWORD!r})
User.objects.create_superuser({ADMINISTRATOR!r}, password={PASSWORD!r})
"""


@dataclass
class Stack:
    """A running appliance. ``url`` has no slash at its end."""

    url: str
    logs: Path
    env: dict[str, str]
    _worker: ExitStack = field(default_factory=ExitStack)
    _worker_process: "subprocess.Popen[bytes] | None" = None

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "webapp.manage", *arguments]
        done = subprocess.run(command, env=self.env, cwd=self.logs, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{arguments} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def start_worker(self) -> None:
        argv = (sys.executable, "-m", "celery", "-A", "webapp.config.celery:app", "worker", "--pool", "threads")
        options = ("--concurrency", "4", "--queues", "runs,ingestion,default", "--without-mingle", "--without-gossip")
        log = self.logs / f"worker-{os.urandom(3).hex()}.log"
        command = Command(argv=(*argv, *options, "--loglevel", "INFO"), env=self.env)

        def ready() -> bool:
            return " ready." in log.read_text(errors="replace")

        self._worker_process = self._worker.enter_context(
            running(command, log=log, ready=ready, deadline_seconds=DEADLINE_SECONDS)
        )

    def kill_worker(self) -> None:
        """As a power cut would: nothing is handed back."""
        assert self._worker_process is not None
        os.killpg(self._worker_process.pid, signal.SIGKILL)
        self._worker_process.wait()
        self._worker.close()


@contextmanager
def running_stack(folder: Path, *, embedder: str, engine: str) -> Iterator[Stack]:
    """Start everything in ``folder``, and stop it when the block ends."""
    port = free_port()
    config = folder / "appliance.yaml"
    config.write_text(
        f"data_dir: {folder / 'var'}\nsite:\n  name: Waterworks\nweb:\n  port: {port}\n", encoding="utf-8"
    )
    settings = load(config)
    identity = ensure_identity(environment.REPOSITORY, folder)
    for path in (settings.data_dir, settings.run_dir, settings.log_dir):
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
        identity.own(path)
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "APPLIANCE_CONFIG": str(config),
        "PYTHONPATH": str(environment.REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "LANGGRAPH_STRICT_MSGPACK": "true",
    }
    postgres, redis = EmbeddedPostgres(settings, identity), EmbeddedRedis(settings, identity)
    with ExitStack() as started:

        def start(name: str, argv: tuple[str, ...], ready: "object", *, own_env: dict[str, str] = env) -> None:
            assert callable(ready)
            command = Command(argv=argv, env=own_env)
            log = folder / f"{name}.log"
            started.enter_context(running(command, log=log, ready=ready, deadline_seconds=DEADLINE_SECONDS))

        postgres.initialise()
        start("postgres", (*postgres.build_command(), "-c", "fsync=off"), lambda: _connects(postgres))
        postgres.ensure_database()
        redis.initialise()
        start("redis", tuple(redis.build_command()), redis.socket.exists)
        stack = Stack(url=f"http://127.0.0.1:{port}", logs=folder, env=env)
        stack.manage("migrate", "--verbosity", "0")
        stack.manage("createcachetable")
        stack.manage("shell", "--verbosity", "0", "-c", PEOPLE_SCRIPT)
        stack.manage("endpoint", "set", "--role", "embed", "--url", embedder, "--model", "all-MiniLM-L6-v2")
        stack.manage("endpoint", "set", "--role", "generate", "--url", engine, "--model", "scripted-test-engine")
        python = (sys.executable, "-m")
        web = ("uvicorn", "webapp.config.asgi:application", "--host", "127.0.0.1", "--port", str(port))
        start("web", (*python, *web, "--no-access-log", "--timeout-graceful-shutdown", "3"), lambda: _ready(stack.url))
        started.callback(stack._worker.close)
        stack.start_worker()
        beat = ("celery", "-A", "webapp.config.celery:app", "beat", "--schedule", str(folder / "beat"))
        start("scheduler", (*python, *beat, "--pidfile", ""), lambda: True)
        yield stack


def _connects(postgres: EmbeddedPostgres) -> bool:
    try:
        postgres.connect().close()
    except psycopg.OperationalError:
        return False
    return True


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
