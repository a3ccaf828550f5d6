"""The web application's processes and the environments of all: alike in every layout."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from appliance.settings import Settings
from appliance.topology import Topology

MARKER = "APPLIANCE_DATA_DIR"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
# Documents have a process of their own: threads that parse would keep answers and the sweeper waiting.
QUEUES = {"worker": ("runs", "default"), "ingester": ("ingestion",)}


@dataclass(frozen=True)
class Program:
    """One process for the supervisor.

    ``stops_group`` also signals its children; PostgreSQL and the engine's keeper tell their own. ``rank`` is its place
    in the order of starting, which does not change when another program comes or goes; 0 where nobody gave one.
    ``final_code`` is the exit code after which starting again would end in the same.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: Literal["TERM", "INT", "QUIT"] = "TERM"
    stop_seconds: int = 15
    stops_group: bool = True
    rank: int = 0
    final_code: int | None = None


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


def build_application_programs(
    settings: Settings, topology: Topology, python: Path, env: Mapping[str, str]
) -> dict[str, Program]:
    """The web application's processes, alike in every layout, by name."""
    workers = {"worker": settings.worker.concurrency, "ingester": settings.ingestion.concurrency}
    return {
        "web": Program("web", _web_command(settings, topology, python), env),
        **{
            name: Program(name, _worker_command(name, threads, python), env, stop_seconds=20)
            for name, threads in workers.items()
        },
        "scheduler": Program("scheduler", _scheduler_command(settings, python), env),
    }


def _web_command(settings: Settings, topology: Topology, python: Path) -> tuple[str, ...]:
    """Only a named proxy is believed about a visitor's address, by which log-ins are throttled: any local process could
    otherwise claim any address in X-Forwarded-For."""
    port, trusted = topology.port("web"), settings.web.trusted_proxies
    proxies = ("--proxy-headers", "--forwarded-allow-ips", ",".join(trusted)) if trusted else ("--no-proxy-headers",)
    return (
        str(python), "-m", "uvicorn", "webapp.config.asgi:application", "--host", port.bind, "--port", str(port.number),
        "--lifespan", "off", "--no-access-log", "--no-server-header", *proxies, "--timeout-graceful-shutdown", "5",
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
