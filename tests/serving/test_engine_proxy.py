"""What passes the proxy, byte for byte, in front of a server of raw bytes."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.engine_proxy.bounds import Bounds
from inference.metrics.parse import from_json, iterate_samples
from tests.engines.launch import RunningProxy, answers, free_port, running_engine_proxy
from tests.engines.upstream import Upstream, running_upstream

READINGS = Path(__file__).resolve().parents[1] / "unit" / "inference" / "readings"
CHAT = "/v1/chat/completions"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = [b'data: {"n":1}\n\n', b"data: \xe2\x82", b"\xac\x00\n\n", b"data: [DONE]\n\n"]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as running:
        yield running


@pytest.fixture(scope="module")
def _proxy(upstream: Upstream, engine_logs: Path) -> Iterator[RunningProxy]:
    options = ("--readings", str(READINGS / "two-h100-busy.json"))
    with running_engine_proxy(
        engine_logs, engine_url=upstream.url, embedder_url=f"http://127.0.0.1:{free_port()}", options=options
    ) as running:
        yield running


@pytest.fixture
def proxy(_proxy: RunningProxy, upstream: Upstream) -> RunningProxy:
    """The shared proxy, with nothing remembered behind it."""
    upstream.answer = Upstream().answer
    upstream.requests.clear()
    upstream.gone.clear()
    return _proxy


def post(proxy: RunningProxy, path: str = CHAT, **more: Any) -> httpx.Response:
    return httpx.post(f"{proxy.url}{path}", trust_env=False, **{"content": b"{}", "timeout": 30, **more})


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def test_request_arrives_with_its_body_and_without_what_is_nobodys_business(
    proxy: RunningProxy, upstream: Upstream
) -> None:
    body = b'{"odd":  "spacing \\u20ac", "model":"m"}\n'
    headers = {"Content-Type": "application/json", "Authorization": "Bearer secret", "Cookie": "a=secret"}
    assert post(proxy, content=body, headers=headers).content == b"{}"
    head, _, received = upstream.requests[0].partition(b"\r\n\r\n")
    assert received == body
    line, *fields = head.decode().split("\r\n")
    assert line == "POST /v1/chat/completions HTTP/1.1"
    host = upstream.url.removeprefix("http://")
    expected = {
        f"Host: {host}", "content-type: application/json", "accept: */*", f"Content-Length: {len(body)}",
        "Connection: close",
    }  # fmt: skip
    assert set(fields) == expected


def test_stream_comes_as_it_was_sent_and_each_part_at_once(proxy: RunningProxy, upstream: Upstream) -> None:
    """The next part is sent when the last one has arrived: a proxy that waits for more would wait for ever."""
    arrived = threading.Semaphore(0)

    def answer(connection: socket.socket) -> None:
        connection.sendall(STREAM_HEAD)
        for event in EVENTS:
            connection.sendall(chunk(event))
            if not arrived.acquire(timeout=20):
                return
        connection.sendall(b"0\r\n\r\n")

    upstream.answer = answer
    with httpx.stream("POST", proxy.url + CHAT, content=b"{}", trust_env=False, timeout=30) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        parts = []
        for part in response.iter_raw():
            parts.append(part)
            arrived.release()
    assert parts == EVENTS


def test_answer_of_known_length_keeps_it(proxy: RunningProxy, upstream: Upstream) -> None:
    body = b"x" * 3_000_000
    upstream.answer = lambda connection: connection.sendall(
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nSet-Cookie: a=b\r\nServer: secret/1.2\r\n"
        b"Content-Length: 3000000\r\n\r\n" + body
    )
    response = post(proxy)
    assert (response.status_code, response.content) == (400, body)
    assert response.headers["content-length"] == "3000000"
    assert response.headers["server"] == "engine-proxy"
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "head",
    [STREAM_HEAD + chunk(EVENTS[0]), b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf"],
    ids=["chunks", "length"],
)
def test_answer_that_breaks_off_does_not_look_finished(proxy: RunningProxy, upstream: Upstream, head: bytes) -> None:
    upstream.answer = lambda connection: connection.sendall(head)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        post(proxy)


def test_model_server_that_closes_before_it_answers_is_said(proxy: RunningProxy, upstream: Upstream) -> None:
    upstream.answer = lambda connection: None
    response = post(proxy)
    assert (response.status_code, response.headers["retry-after"]) == (502, "2")
    assert response.json()["error"]["code"] == "broken_answer"
    assert len(upstream.requests) == 1  # and was not asked twice


def test_client_that_leaves_during_the_answer_ends_the_work(proxy: RunningProxy, upstream: Upstream) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(STREAM_HEAD + chunk(EVENTS[0]))
        upstream.wait_until_gone(connection)

    upstream.answer = answer
    with httpx.stream("POST", proxy.url + CHAT, content=b"{}", trust_env=False, timeout=30) as response:
        next(response.iter_raw())
    assert upstream.gone.wait(10)


def test_client_that_leaves_before_the_answer_ends_the_work(proxy: RunningProxy, upstream: Upstream) -> None:
    upstream.answer = upstream.wait_until_gone
    with pytest.raises(httpx.ReadTimeout):
        post(proxy, timeout=3)
    assert upstream.gone.wait(10)


def test_silence_of_a_client_is_noticed_soon(proxy: RunningProxy, upstream: Upstream) -> None:
    """The kernel's table shows the keep-alive timer of the proxy's side, in hundredths of a second."""
    with httpx.stream("GET", f"{proxy.url}/healthz", trust_env=False) as response:
        assert response.status_code == 200
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        local, established, keepalive = f"0100007F:{proxy.port:04X}", "01", "02"
        timers = [row[5].split(":") for row in rows if row[1] == local and row[3] == established]
    assert [(kind, int(due, 16) <= 500) for kind, due in timers if due != "00000000"] == [(keepalive, True)]


def test_absent_model_server_is_said_in_openais_shape(proxy: RunningProxy) -> None:
    response = post(proxy, "/v1/embeddings")
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert response.json()["error"] == {
        "message": "The embedder does not answer: it is starting, stopped or absent.",
        "type": "server_error", "param": None, "code": "unavailable",
    }  # fmt: skip


def test_health_names_what_answers_and_is_well_all_the_same(proxy: RunningProxy, upstream: Upstream) -> None:
    response = httpx.get(f"{proxy.url}/healthz", trust_env=False)
    assert (response.status_code, response.json()) == (
        200, {"status": "ok", "upstreams": {"embedder": False, "engine": True}},
    )  # fmt: skip
    assert upstream.requests[0].startswith(b"GET /health HTTP/1.1")


def test_hardware_is_a_reading_that_says_where_it_comes_from(proxy: RunningProxy, upstream: Upstream) -> None:
    page = (READINGS / "vllm-0.32.0-metrics.txt").read_bytes()
    upstream.answer = lambda connection: connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page
    )
    time.sleep(1.1)  # readings are shared for a second
    reading = from_json(httpx.get(f"{proxy.url}/hardware", trust_env=False).json())
    assert (reading.source, reading.driver_version, reading.gpu_problem, reading.engine_problem) == (
        "authored", "580.95.05", "", "",
    )  # fmt: skip
    assert [gpu.power_watts for gpu in reading.gpus] == [699.4, 612.3]
    assert reading.engine_answers is True
    assert reading.engine
    assert reading.engine.running == 8
    metrics = httpx.get(f"{proxy.url}/metrics", trust_env=False)
    assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert metrics.text.endswith(page.decode())
    assert ("appliance_engine_up", {}, 1.0) in list(iterate_samples(metrics.text))
    assert len(upstream.requests) == 1  # both readings are of the same second


def test_engine_that_serves_other_metrics_is_a_problem_in_words(proxy: RunningProxy) -> None:
    time.sleep(1.1)
    reading = from_json(httpx.get(f"{proxy.url}/hardware", trust_env=False).json())
    assert reading.engine is None
    assert reading.engine_answers is True
    assert "has no vllm:num_requests_running" in reading.engine_problem


def test_engine_that_is_not_there_is_told_from_one_that_is_only_slow(tmp_path: Path, upstream: Upstream) -> None:
    upstream.answer = lambda connection: time.sleep(Bounds().metrics_seconds + 2)
    said = []
    for engine_url in (f"http://127.0.0.1:{free_port()}", upstream.url):
        with running_engine_proxy(tmp_path, engine_url=engine_url) as proxy:
            document = httpx.get(f"{proxy.url}/hardware", trust_env=False, timeout=20).json()
            said.append((document["engine_answers"], document["engine"]))
    assert said == [(False, None), (None, None)]


def test_stopping_proxy_lets_an_answer_finish_and_takes_no_new_one(tmp_path: Path, upstream: Upstream) -> None:
    asked = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(STREAM_HEAD + chunk(EVENTS[0]))
        asked.wait(20)
        for event in EVENTS[1:]:
            connection.sendall(chunk(event))
            time.sleep(0.1)
        connection.sendall(b"0\r\n\r\n")

    upstream.answer = answer
    with running_engine_proxy(tmp_path, engine_url=upstream.url) as proxy:
        with httpx.stream("POST", proxy.url + CHAT, content=b"{}", trust_env=False, timeout=30) as response:
            parts = response.iter_raw()
            received = next(parts)
            proxy.process.send_signal(signal.SIGTERM)
            while answers(f"{proxy.url}/healthz"):
                time.sleep(0.05)
            asked.set()
            received += b"".join(parts)
        assert received == b"".join(EVENTS)
        assert proxy.process.wait(15) == 0
    assert "Traceback" not in proxy.log.read_text()


@pytest.mark.timeout(60)
def test_stopping_proxy_cuts_an_answer_that_does_not_end(tmp_path: Path, upstream: Upstream) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(STREAM_HEAD + chunk(EVENTS[0]))
        upstream.wait_until_gone(connection)

    upstream.answer = answer
    upstream.gone.clear()
    with running_engine_proxy(tmp_path, engine_url=upstream.url) as proxy:
        with httpx.stream("POST", proxy.url + CHAT, content=b"{}", trust_env=False, timeout=30) as response:
            parts = response.iter_raw()
            next(parts)
            started = time.monotonic()
            proxy.process.send_signal(signal.SIGTERM)
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                next(parts)
        assert Bounds().drain_seconds - 1 < time.monotonic() - started < Bounds().drain_seconds + 8
        assert upstream.gone.wait(10)
        assert proxy.process.wait(15) == 0
    assert "1 answers were cut off" in proxy.log.read_text()


def test_no_reading_of_this_machine_passes_for_more_than_it_is(tmp_path: Path) -> None:
    """The tests' machines have no GPU: the real driver port says so in words."""
    with running_engine_proxy(tmp_path) as proxy:
        for _ in range(2):
            document = httpx.get(f"{proxy.url}/hardware", trust_env=False).json()
            time.sleep(1.1)
    assert (document["source"], document["gpus"]) == ("nvml", [])
    assert "No NVIDIA driver is installed" in document["gpu_problem"]
    assert (document["engine_answers"], document["engine_problem"]) == (None, "No engine stands behind this proxy.")
    assert proxy.log.read_text().count(document["gpu_problem"]) == 1  # said once, not at every reading
