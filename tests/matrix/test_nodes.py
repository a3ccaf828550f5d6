"""One model on two nodes, by the commands that two machines would run, on this machine's loopback and CPU.

It shows that the flags meet, that a node without a port computes its part, and that the answer is the same. It shows
nothing about GPUs, NCCL or a network.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from inference.registry.machine import can_compile
from inference.registry.options import Nodes, Options
from inference.serving.command import Command, engine_command
from inference.serving.readiness import check_engine
from tests.engines.launch import INFERENCE_PYTHON, ROOT, RunningEngine, build_spec, free_port, running

START_SECONDS = 420
KV_CACHE_GIB = 0.1


def write_answer(url: str, model: str) -> str:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "How much water does the reservoir hold?"}],
        "max_tokens": 24,
        "ignore_eos": True,
        "temperature": 0,
    }
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120, trust_env=False)
    assert answer.status_code == 200
    return str(answer.json()["choices"][0]["message"]["content"])


@pytest.fixture
def nodes(tiny_checkpoints: dict[str, Path], tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The head's address, and the log of the node without a port. vLLM's CPU build pipelines compiled models only."""
    assert can_compile(), "the engine compiles with g++ and Python's headers"
    port, meeting = free_port(), free_port()

    def build(rank: int) -> Command:
        options = Options(nodes=Nodes(2, rank, "127.0.0.1", "127.0.0.1", "lo", meeting))
        spec = replace(build_spec(tiny_checkpoints["qwen3"]), pipeline_parallel=2, options=options)
        return engine_command(
            spec, python=INFERENCE_PYTHON, port=port, data_dir=tmp_path, root=ROOT, kv_cache_gib=KV_CACHE_GIB
        )

    url, log = f"http://127.0.0.1:{port}", tmp_path / "second.log"
    with ExitStack() as ended:
        ended.enter_context(running(build(1), log=log, ready=lambda: True, deadline_seconds=1))
        ready = lambda: check_engine(url).ready  # noqa: E731
        ended.enter_context(running(build(0), log=tmp_path / "head.log", ready=ready, deadline_seconds=START_SECONDS))
        yield url, log


@pytest.mark.timeout(START_SECONDS + 300)
def test_two_nodes_answer_as_one(nodes: tuple[str, Path], tiny_engine: RunningEngine) -> None:
    url, log = nodes
    assert write_answer(url, tiny_engine.model) == write_answer(tiny_engine.url, tiny_engine.model)
    assert "headless multiproc executor" in log.read_text()
    assert "PP rank 1" in log.read_text()
