"""Session fixtures over the engines: each is started when the first test asks for it, and shared by all.

Loaded as a pytest plugin. The values are base URLs without ``/v1``.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference.registry.machine import can_compile
from tests.engines.launch import (
    RunningEngine,
    build_spec,
    ensure_tiny_checkpoints,
    running_embedder,
    running_engine,
    running_scripted_engine,
)


@pytest.fixture(scope="session")
def engine_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="session")
def _scripted_engine_process(engine_logs: Path) -> Iterator[str]:
    with running_scripted_engine(engine_logs) as url:
        yield url


@pytest.fixture
def scripted_engine(_scripted_engine_process: str) -> str:
    """The shared scripted engine, with its script as written and an empty memory."""
    httpx.delete(f"{_scripted_engine_process}/__script", trust_env=False).raise_for_status()
    return _scripted_engine_process


@pytest.fixture(scope="session")
def embedder(engine_logs: Path) -> Iterator[str]:
    """The shared real embedder: all-MiniLM-L6-v2 in the inference environment."""
    with running_embedder(engine_logs) as url:
        yield url


@pytest.fixture(scope="session")
def tiny_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories of tiny random checkpoints by family: llama, mistral, qwen3."""
    return ensure_tiny_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def tiny_engine(tiny_checkpoints: dict[str, Path], engine_logs: Path) -> Iterator[RunningEngine]:
    """The real vLLM on tiny Qwen3, compiled where the machine can compile. It talks nonsense."""
    with running_engine(build_spec(tiny_checkpoints["qwen3"]), engine_logs, enforce_eager=not can_compile()) as engine:
        yield engine
