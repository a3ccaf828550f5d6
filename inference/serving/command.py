"""Whole commands for the supervisor: what to execute and with which, closed, environment. Starts nothing itself."""

from dataclasses import dataclass
from pathlib import Path

from inference.serving.environment import build_embedder_environment

EMBEDDER_MODEL = "all-MiniLM-L6-v2"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Command:
    """A program to execute: nothing of the caller's own environment is to be passed on beside ``env``."""

    argv: tuple[str, ...]
    env: dict[str, str]


def embedder_command(
    *, python: Path, port: int, data_dir: Path, root: Path, model: str = EMBEDDER_MODEL, threads: int | None = None
) -> Command:
    """The embeddings server on loopback. ``python`` is the inference environment's, ``root`` the repository."""
    argv = [str(python), "-m", "inference.serving.embedder", "--host", LOOPBACK, "--port", str(port), "--model", model]
    if threads is not None:
        argv += ["--threads", str(threads)]
    return Command(argv=tuple(argv), env=build_embedder_environment(python=python, data_dir=data_dir, root=root))
