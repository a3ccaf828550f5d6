"""What each component executes: pure values, which :mod:`appliance.local.supervisor_config` renders."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from appliance.local.release import Release
from appliance.settings import Settings
from appliance.topology import Topology

MARKER = "APPLIANCE_DATA_DIR"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
# Documents have a process of their own: threads that parse would keep answers and the sweeper waiting.
QUEUES = {"worker": ("runs", "default"), "ingester": ("ingestion",)}


class ModelServer(Protocol):
    """The shape of ``inference.serving.command.Command``."""

    @property
    def argv(self) -> tuple[str, ...]: ...
    @property
    def env(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Program:
    """One process for the supervisor. ``stops_group`` also signals its children; PostgreSQL tells its own."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: Literal["TERM", "INT", "QUIT"] = "TERM"
    stop_seconds: int = 15
    stops_group: bool = True


@dataclass(frozen=True)
class Installation:
    """Where code and configuration are."""

    root: Path
    config: Path
    python: Path


def build_base_environment(settings: Settings) -> dict[str, str]:
    """What every process has, and all that the supervisor itself has; the marker finds processes that lost it."""
    return {
        "PATH": SYSTEM_PATH,
        "LANG": "C.UTF-8",
        "HOME": str(settings.data_dir / "cache" / "home"),
        MARKER: str(settings.data_dir),
    }


def build_webapp_environment(settings: Settings, installation: Installation) -> dict[str, str]:
    """The closed environment of the web application's processes and management commands."""
    return {
        **build_base_environment(settings),
        "APPLIANCE_CONFIG": str(installation.config),
        "PYTHONPATH": str(installation.root),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": str(settings.data_dir / "cache"),
        "LANGGRAPH_STRICT_MSGPACK": "true",
    }


def build_programs(
    settings: Settings,
    topology: Topology,
    installation: Installation,
    release: Release,
    *,
    postgres: tuple[str, ...],
    redis: tuple[str, ...],
    embedder: ModelServer,
    engine: ModelServer | None,
    launcher: tuple[str, ...] = (),
) -> tuple[Program, ...]:
    """Every program of this installation, in the topology's order of starting; no engine without a model.

    ``launcher`` goes before each command; what it starts must take its place.
    """
    marker = {MARKER: str(settings.data_dir)}
    webapp = {**build_webapp_environment(settings, installation), "APPLIANCE_RELEASE": release.webapp}
    models = {**marker, "APPLIANCE_RELEASE": release.inference}
    found = {
        # Fast shutdown: a smart one waits for clients that may never leave.
        "postgres": Program("postgres", postgres, marker, stop_signal="INT", stop_seconds=60, stops_group=False),
        "redis": Program("redis", redis, marker),
        "embedder": Program("embedder", embedder.argv, {**embedder.env, **models}),
        "web": Program("web", _web_command(topology, installation.python), webapp),
        **{
            name: Program(name, _worker_command(name, threads, installation.python), webapp, stop_seconds=20)
            for name, threads in (
                ("worker", settings.worker.concurrency),
                ("ingester", settings.ingestion.concurrency),
            )
        },
        "scheduler": Program("scheduler", _scheduler_command(settings, installation.python), webapp),
    }
    if engine is not None:
        found["engine"] = Program("engine", engine.argv, {**engine.env, **models}, stop_seconds=30)
    chosen = [found[component.name] for component in topology.programs if component.name in found]
    return tuple(replace(program, argv=(*launcher, *program.argv)) for program in chosen)


def _web_command(topology: Topology, python: Path) -> tuple[str, ...]:
    port = topology.port("web")
    return (
        str(python), "-m", "uvicorn", "webapp.config.asgi:application", "--host", port.bind, "--port", str(port.number),
        # A local process could otherwise claim any address in X-Forwarded-For, and log-ins are throttled by address.
        "--lifespan", "off", "--no-access-log", "--no-server-header", "--no-proxy-headers",
        "--timeout-graceful-shutdown", "5",
    )  # fmt: skip


def _celery(python: Path) -> tuple[str, ...]:
    return (str(python), "-m", "celery", "-A", "webapp.config.celery:app")


def worker_node(name: str) -> str:
    """How Celery addresses the worker process of a component."""
    return f"{name}@appliance"


def _worker_command(name: str, threads: int, python: Path) -> tuple[str, ...]:
    return (
        *_celery(python), "worker", "--pool", "threads", "--concurrency", str(threads),
        "--queues", ",".join(QUEUES[name]), "--hostname", worker_node(name), "--without-mingle", "--without-gossip",
        "--loglevel", "INFO",
    )  # fmt: skip


def _scheduler_command(settings: Settings, python: Path) -> tuple[str, ...]:
    schedule = settings.data_dir / "cache" / "schedule"
    return (*_celery(python), "beat", "--schedule", str(schedule), "--pidfile", "", "--loglevel", "INFO")
