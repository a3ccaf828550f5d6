"""How much the proxy accepts at once, with bounds small enough to reach."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from inference.serving.command import Command
from tests.engines.launch import INFERENCE_PYTHON, ROOT, answers, free_port, running
from tests.engines.upstream import OK, Upstream, running_upstream

CHAT = "/v1/chat/completions"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running_upstream() as server:
        yield server


@contextmanager
def running_proxy(folder: Path, upstream: Upstream, **bounds: float) -> Iterator[int]:
    port = free_port()
    argv = (str(INFERENCE_PYTHON), "-P", "-m", "tests.serving.bounded_proxy", "--port", str(port))
    options = ("--engine-url", upstream.url, "--bounds", json.dumps(bounds))
    command = Command((*argv, *options), {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"})

    def ready() -> bool:
        return answers(f"http://127.0.0.1:{port}/healthz")

    with running(command, log=folder / "proxy.log", ready=ready, deadline_seconds=30):
        upstream.requests.clear()
        yield port


def post(port: int, content: bytes = b"{}") -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{port}{CHAT}", content=content, trust_env=False, timeout=30)


def test_request_beyond_the_bound_is_told_to_come_back_and_readings_are_served(
    tmp_path: Path, upstream: Upstream
) -> None:
    arrived, finish = threading.Event(), threading.Event()

    def answer(connection: socket.socket) -> None:
        arrived.set()
        finish.wait(20)
        connection.sendall(OK)

    with running_proxy(tmp_path, upstream, requests=1) as port:
        upstream.answer = answer
        first = threading.Thread(target=post, args=(port,))
        first.start()
        assert arrived.wait(10)
        upstream.answer = Upstream().answer
        refused = post(port)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert refused.json()["error"]["code"] == "busy"
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=10).text
        assert "\nappliance_proxy_open_requests 1\n" in metrics
        finish.set()
        first.join()
        assert post(port).status_code == 200


def test_bodies_together_are_bounded(tmp_path: Path, upstream: Upstream) -> None:
    with running_proxy(tmp_path, upstream, held_bytes=1000) as port:
        assert post(port, b"x" * 1001).json()["error"]["code"] == "busy"
        for _ in range(3):  # what was held is given back, also after a refusal
            assert post(port, b"x" * 999).status_code == 200


def test_body_that_comes_too_slowly_is_refused(tmp_path: Path, upstream: Upstream) -> None:
    with running_proxy(tmp_path, upstream, body_seconds=0.4) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nslow".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
        assert upstream.requests == []


def test_connection_beyond_the_bound_is_closed(tmp_path: Path, upstream: Upstream) -> None:
    with running_proxy(tmp_path, upstream, connections=2) as port:
        with ExitStack() as held:
            for _ in range(2):
                connection = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectError)):
                post(port)
        assert upstream.requests.count(upstream.requests[0]) == 2  # the two questions for health, and nothing else
        assert len(upstream.requests) == 2


def test_connection_that_says_nothing_more_is_closed(tmp_path: Path, upstream: Upstream) -> None:
    with (
        running_proxy(tmp_path, upstream, idle_seconds=0.5) as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
    ):
        connection.sendall(b"GET /hardware HTTP/1.1\r\nHost: x\r\n\r\n")
        while part := connection.recv(65536):
            last = part
        assert last.endswith(b"}")
