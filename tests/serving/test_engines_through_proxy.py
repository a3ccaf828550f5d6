"""The real vLLM and the real embedder behind the proxy: what comes through is what they say."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference.metrics.parse import from_json, iterate_samples, list_metric_names, parse_engine_metrics
from inference.serving.readiness import check_engine
from tests.engines.launch import RunningEngine, RunningProxy, running_engine_proxy

CONTENT = re.compile(r'"content":"((?:[^"\\]|\\.)*)"')
QUESTION = [{"role": "user", "content": "How much water does the reservoir hold?"}]


@pytest.fixture(scope="module")
def proxy(tiny_engine: RunningEngine, embedder: str, engine_logs: Path) -> Iterator[RunningProxy]:
    with running_engine_proxy(engine_logs, engine_url=tiny_engine.url, embedder_url=embedder) as running:
        yield running


def stream(url: str, model: str) -> tuple[str, list[str]]:
    """The text of one answer, and its kinds of events without what is different in each: its name, the second of its
    making, and how many tokens vLLM put into one event, which a busy machine decides."""
    body = {
        "model": model, "messages": QUESTION, "stream": True, "max_tokens": 40, "ignore_eos": True, "temperature": 0,
        "seed": 1, "stream_options": {"include_usage": True},
    }  # fmt: skip
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=120, trust_env=False) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = [line.partition('"model":')[2] or line for line in response.iter_lines()]
    text = "".join(json.loads(f'"{found}"') for line in lines for found in CONTENT.findall(line))
    return text, list(dict.fromkeys(CONTENT.sub('"content":"…"', line) for line in lines if line))


def test_stream_through_the_proxy_is_the_engines(proxy: RunningProxy, tiny_engine: RunningEngine) -> None:
    direct, through = (stream(url, tiny_engine.model) for url in (tiny_engine.url, proxy.url))
    assert through == direct
    text, events = through
    assert len(text) >= 40
    assert events[-1] == "data: [DONE]"
    assert '"completion_tokens":40' in events[-2]


def test_engine_behind_the_proxy_is_ready(proxy: RunningProxy, tiny_engine: RunningEngine) -> None:
    readiness = check_engine(proxy.url)
    assert (readiness.ready, readiness.model) == (True, tiny_engine.model)


def test_embeddings_through_the_proxy_are_the_embedders(proxy: RunningProxy, embedder: str) -> None:
    body = {"model": "all-MiniLM-L6-v2", "input": ["The cat sleeps.", "€ and more"]}
    direct, through = (
        httpx.post(f"{url}/v1/embeddings", json=body, timeout=60, trust_env=False).content
        for url in (embedder, proxy.url)
    )
    assert through == direct
    models = httpx.get(f"{proxy.url}/v1/embeddings/models", trust_env=False).json()
    assert models["data"][0]["id"] == "all-MiniLM-L6-v2"


def read_engine(proxy: RunningProxy) -> tuple[float, float]:
    """How many requests run, and how many tokens were generated until now."""
    time.sleep(1.1)  # readings are shared for a second
    reading = from_json(httpx.get(f"{proxy.url}/hardware", trust_env=False, timeout=10).json()).engine
    assert reading is not None
    assert reading.running is not None
    assert reading.generation_tokens_total is not None
    return reading.running, reading.generation_tokens_total


def test_engine_stops_when_the_client_behind_the_proxy_leaves(proxy: RunningProxy, tiny_engine: RunningEngine) -> None:
    body = {"model": tiny_engine.model, "messages": QUESTION, "stream": True, "max_tokens": 8000, "ignore_eos": True}
    _, before = read_engine(proxy)
    with httpx.stream("POST", f"{proxy.url}/v1/chat/completions", json=body, timeout=60, trust_env=False) as response:
        next(response.iter_raw())
        assert read_engine(proxy)[1] > before
    deadline = time.monotonic() + 30
    while (after := read_engine(proxy))[0] != 0:
        assert time.monotonic() < deadline, "it writes for nobody"
    assert after[1] < before + 8000
    assert read_engine(proxy) == after


def test_live_engine_has_every_metric_that_a_reading_is_made_of(tiny_engine: RunningEngine) -> None:
    page = httpx.get(f"{tiny_engine.url}/metrics", trust_env=False).text
    assert set(list_metric_names()) - {name for name, _, _ in iterate_samples(page)} == set()
    reading = parse_engine_metrics(page)
    assert reading.model_name == tiny_engine.model
    assert reading.waiting_by_reason.keys() == {"capacity", "deferred"}


def test_proxy_passes_the_engines_metrics_on_behind_its_own(proxy: RunningProxy, tiny_engine: RunningEngine) -> None:
    names = [name for name, _, _ in iterate_samples(httpx.get(f"{proxy.url}/metrics", trust_env=False).text)]
    assert names[0] == "appliance_readings_info"
    assert "vllm:num_requests_running" in names
    assert names.index("appliance_engine_up") < names.index("vllm:num_requests_running")


@pytest.mark.parametrize("path", ["/tokenize", "/load", "/version", "/server_info", "/ping", "/invocations"])
def test_what_the_engine_leaves_open_is_closed(proxy: RunningProxy, tiny_engine: RunningEngine, path: str) -> None:
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{proxy.url}{path}", trust_env=False)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
