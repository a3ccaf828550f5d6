"""Whole commands for the supervisor: what to execute and with which, closed, environment. Starts nothing itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.registry.expected import Expected
from inference.registry.spec import ModelSpec, Purpose
from inference.serving import draining
from inference.serving.argv import (
    LOOPBACK,
    FurtherUpstream,
    ProxyTls,
    build_embedder_argv,
    build_engine_argv,
    build_engine_proxy_argv,
)
from inference.serving.environment import (
    build_embedder_environment,
    build_engine_environment,
    build_fetch_environment,
)
from inference.serving.keeper.outlook import Limits

EMBEDDER_MODEL = "all-MiniLM-L6-v2"
__all__ = [
    "EMBEDDER_MODEL",
    "Command",
    "FurtherUpstream",
    "ProxyTls",
    "embedder_command",
    "engine_command",
    "engine_proxy_command",
    "fetch_command",
    "hub_facts_command",
    "keeper_command",
]


@dataclass(frozen=True)
class Command:
    """A program to execute: nothing of the caller's own environment is to be passed on beside ``env``."""

    argv: tuple[str, ...]
    env: dict[str, str]


def engine_command(
    spec: ModelSpec,
    *,
    python: Path,
    port: int,
    data_dir: Path,
    root: Path,
    kv_cache_gib: float = 1.0,
    memory_fraction: float | None = None,
) -> Command:
    """vLLM on loopback. ``python`` is the inference environment's, ``root`` the repository.

    Raises NotFetchedError for a hub model that is not on this machine.
    """
    argv = build_engine_argv(
        spec,
        python=python,
        port=port,
        kv_cache_gib=kv_cache_gib,
        memory_fraction=memory_fraction,
    )
    return Command(tuple(argv), build_engine_environment(spec, python=python, data_dir=data_dir, root=root))


def keeper_command(
    command: Command, *, engine: str, port: int | None, purpose: Purpose = "generation", events: Path, limits: Limits
) -> Command:
    """vLLM's ``command`` with its keeper as the parent. ``engine`` is its component's name, ``port`` where it answers;
    None for a node of several that answers nowhere, of which only the end is noticed.

    vLLM is told how long requests that run may take when it is asked to end, and to refuse new ones meanwhile.
    """
    keeper = (command.argv[0], "-m", "inference.serving.keeper", "--engine", engine)
    asked = () if port is None else ("--url", f"http://{LOOPBACK}:{port}", "--purpose", purpose)
    places = (*asked, "--events", str(events))
    bounds = ("--start-seconds", f"{limits.start_seconds:g}", "--wedged-seconds", f"{limits.wedged_seconds:g}")
    drain = ("--drain-seconds", f"{limits.drain_seconds:g}")
    refuses = () if port is None else ("--middleware", draining.NAME)
    own = (*refuses, "--shutdown-timeout", f"{limits.drain_seconds:g}")
    return Command((*keeper, *places, *bounds, *drain, "--", *command.argv, *own), command.env)


def embedder_command(
    *, python: Path, port: int, data_dir: Path, root: Path, model: str = EMBEDDER_MODEL, threads: int | None = None
) -> Command:
    """The embeddings server on loopback."""
    argv = build_embedder_argv(python=python, port=port, model=model, threads=threads)
    return Command(tuple(argv), build_embedder_environment(python=python, data_dir=data_dir, root=root))


def engine_proxy_command(
    *,
    python: Path,
    host: str,
    port: int,
    engine_url: str | None,
    embedder_url: str | None,
    tls: ProxyTls | None,
    further: Sequence[FurtherUpstream] = (),
    data_dir: Path,
    root: Path,
    events: Path | None = None,
    drain_seconds: int | None = None,
) -> Command:
    """The proxy in front of the model servers of this machine."""
    argv = build_engine_proxy_argv(
        python=python, host=host, port=port, engine_url=engine_url, embedder_url=embedder_url, tls=tls,
        further=further, events=events, drain_seconds=drain_seconds,
    )  # fmt: skip
    return Command(tuple(argv), build_embedder_environment(python=python, data_dir=data_dir, root=root))


def fetch_command(
    spec: ModelSpec,
    *,
    python: Path,
    data_dir: Path,
    root: Path,
    models_dir: Path,
    network: Mapping[str, str],
    expected: Expected | None = None,
) -> Command:
    """Bring a hub model to this machine. Prints ``{"path": ...}``; progress goes to standard error.

    ``network``: the site's own variables, see :func:`build_fetch_environment`. ``expected``: what was pinned.
    """
    assert spec.hub_id is not None
    argv = [str(python), "-m", "inference.registry.fetch", "--hub-id", spec.hub_id]
    argv += ["--revision", spec.revision or "main", "--models", str(models_dir)]
    argv += ["--expected", expected.to_json()] if expected is not None else []
    env = build_fetch_environment(python=python, data_dir=data_dir, root=root, network=dict(network))
    return Command(tuple(argv), env)


def hub_facts_command(
    revisions: Mapping[str, str | None], *, python: Path, data_dir: Path, root: Path, network: Mapping[str, str]
) -> Command:
    """Ask a hub for commits, sizes and sums of models, by hub id. Prints one JSON document, and fetches no file."""
    asked = [f"{hub_id}@{revision}" if revision else hub_id for hub_id, revision in revisions.items()]
    argv = [str(python), "-m", "inference.registry.hub_facts", *asked]
    env = build_fetch_environment(python=python, data_dir=data_dir, root=root, network=dict(network))
    return Command(tuple(argv), env)
