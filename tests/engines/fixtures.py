"""Session fixtures over the engines: each is started when the first test asks for it, and shared by all.

Loaded as a pytest plugin. The values are base URLs without ``/v1``.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engines.launch import running_embedder, running_scripted_engine


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
