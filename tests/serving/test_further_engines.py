"""Several models behind one proxy: each answers below its own prefix, and nothing of it is taken for another's."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference.metrics.parse import from_json, iterate_samples
from tests.engines.launch import RunningProxy, free_port, running_engine_proxy, running_scripted_engine
from tests.engines.upstream import Upstream, running_upstream

QUESTION = {"model": "scripted-test-engine", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}


@pytest.fixture(scope="module")
def ranks() -> Iterator[Upstream]:
    with running_upstream() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(ranks: Upstream, engine_logs: Path) -> Iterator[RunningProxy]:
    """Two scripted engines, a server of raw bytes that ranks, and one that is not there."""
    with (
        running_scripted_engine(engine_logs) as main,
        running_scripted_engine(engine_logs) as coder,
        running_engine_proxy(
            engine_logs,
            engine_url=main,
            options=(
                "--further", f"coder=generation={coder}", "--further", f"ranks=reranking={ranks.url}",
                "--further", f"away=embedding=http://127.0.0.1:{free_port()}",
            ),
        ) as running,
    ):  # fmt: skip
        yield running


def test_each_answers_below_its_own_prefix(proxy: RunningProxy, ranks: Upstream) -> None:
    with httpx.Client(base_url=proxy.url, trust_env=False, timeout=30) as client:
        assert client.post("/v1/chat/completions", json=QUESTION).status_code == 200
        assert client.post("/engines/coder/v1/chat/completions", json=QUESTION).status_code == 200
        assert client.post("/engines/ranks/v1/rerank", content=b'{"query":"q"}').content == b"{}"
    assert ranks.requests[-1].startswith(b"POST /v1/rerank HTTP/1.1\r\n")


def test_model_that_is_away_is_said_and_the_others_answer(proxy: RunningProxy) -> None:
    answer = httpx.post(f"{proxy.url}/engines/away/v1/embeddings", content=b"{}", trust_env=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert "engine-away" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/engines/coder/v1/rerank", "/engines/ranks/v1/chat/completions", "/engines/nobody/v1/models"]
)
def test_what_a_purpose_does_not_allow_is_refused(proxy: RunningProxy, path: str) -> None:
    answer = httpx.post(f"{proxy.url}{path}", content=b"{}", trust_env=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_health_names_every_model_server(proxy: RunningProxy) -> None:
    answer = httpx.get(f"{proxy.url}/healthz", trust_env=False).json()
    assert answer["upstreams"]["engine"] is True
    assert answer["upstreams"]["engine-coder"] is True
    assert answer["upstreams"]["engine-away"] is False


def test_reading_has_every_engine_and_the_main_one_where_earlier_releases_look(proxy: RunningProxy) -> None:
    reading = from_json(httpx.get(f"{proxy.url}/hardware", trust_env=False).json())
    found = {each.name: each for each in reading.engines}
    assert list(found) == ["model", "coder", "ranks", "away"]
    assert found["model"].reading == reading.engine is not None
    assert found["coder"].reading is not None
    assert (found["away"].answers, found["away"].reading) == (False, None)
    assert "does not answer" in found["away"].problem
    assert (found["ranks"].purpose, found["ranks"].answers) == ("reranking", True)  # it is no vLLM, which is said


def test_metrics_of_all_are_one_page_without_a_sample_twice(proxy: RunningProxy) -> None:
    page = httpx.get(f"{proxy.url}/metrics", trust_env=False).text
    samples = [(name, tuple(sorted(labels.items())), value) for name, labels, value in iterate_samples(page)]
    assert len({sample[:2] for sample in samples}) == len(samples)
    up = {dict(labels)["component"]: value for name, labels, value in samples if name == "appliance_engine_up"}
    assert up == {"engine": 1, "engine-coder": 1, "engine-ranks": 0, "engine-away": 0}
    running = [dict(labels)["component"] for name, labels, _ in samples if name == "vllm:num_requests_running"]
    assert running == ["engine", "engine-coder"]
