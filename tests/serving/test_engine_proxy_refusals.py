"""Attempts to get past the proxy, as raw bytes on its socket: nothing of them reaches the server behind it."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference.engine_proxy.bounds import Bounds
from tests.engines.launch import RunningProxy, running_engine_proxy
from tests.engines.upstream import Upstream, running_upstream
from tests.unit.inference.engine_proxy.test_routing import METHODS, OPEN_BEHIND_THE_PROXY, SPELLINGS

CHAT = "POST /v1/chat/completions HTTP/1.1\r\nHost: gpu\r\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as running:
        yield running


@pytest.fixture(scope="module")
def _proxy(upstream: Upstream, engine_logs: Path) -> Iterator[RunningProxy]:
    with running_engine_proxy(engine_logs, engine_url=upstream.url, embedder_url=upstream.url) as running:
        yield running


@pytest.fixture
def proxy(_proxy: RunningProxy, upstream: Upstream) -> RunningProxy:
    """The shared proxy, in front of a server that nobody has asked yet."""
    upstream.requests.clear()
    return _proxy


def exchange(proxy: RunningProxy, sent: bytes, *, answers: int = 1) -> bytes:
    """What comes back until the proxy closes, or says no more for a moment after so many answers."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        connection.sendall(sent)
        received = b""
        connection.settimeout(15 if answers else 0.7)
        try:
            while part := connection.recv(65536):
                received += part
                if len(statuses(received)) >= answers:
                    connection.settimeout(0.7)
        except (TimeoutError, ConnectionResetError):
            pass
    return received


def statuses(received: bytes) -> list[int]:
    """The library answers what is not HTTP in HTTP/1.0."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


def request_line(method: str, path: str) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: gpu\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()


@pytest.mark.parametrize("path", [path for path in (*OPEN_BEHIND_THE_PROXY, *SPELLINGS) if not path.startswith(" ")])
def test_other_path_does_not_pass(proxy: RunningProxy, upstream: Upstream, path: str) -> None:
    for method in ("GET", "POST"):
        assert statuses(exchange(proxy, request_line(method, path))) in ([404], [400])
    assert upstream.requests == []


@pytest.mark.parametrize("method", METHODS)
def test_other_method_does_not_pass(proxy: RunningProxy, upstream: Upstream, method: str) -> None:
    answer = exchange(proxy, request_line(method, "/v1/chat/completions"))
    assert statuses(answer) in ([404], [400])
    assert upstream.requests == []


def test_refusal_has_openais_shape(proxy: RunningProxy) -> None:
    body = exchange(proxy, request_line("POST", "/tokenize")).partition(b"\r\n\r\n")[2]
    assert json.loads(body)["error"]["code"] == "not_found"


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override: GET", "X-HTTP-Method: GET", "X-Original-URL: /v1/models"])
def test_header_does_not_change_what_is_asked_for(proxy: RunningProxy, upstream: Upstream, header: str) -> None:
    sent = f"POST /pause HTTP/1.1\r\nHost: gpu\r\n{header}\r\nContent-Length: 0\r\n\r\n".encode()
    assert statuses(exchange(proxy, sent)) == [404]
    assert upstream.requests == []


SMUGGLED = "POST /pause HTTP/1.1\r\nHost: gpu\r\nContent-Length: 0\r\n\r\n"
AMBIGUOUS = {
    "both": f"Content-Length: {len(SMUGGLED) + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "both-reversed": f"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "two-lengths": f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "list-of-lengths": f"Content-Length: 0, {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "signed-length": f"Content-Length: +{len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "hexadecimal-length": f"Content-Length: 0x10\r\n\r\n{SMUGGLED}",
    "negative-length": f"Content-Length: -1\r\n\r\n{SMUGGLED}",
    "space-before-colon": f"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "folded": f"Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "chunked-not-last": f"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "unknown-coding": f"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "bad-chunk-size": f"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{{}}\r\n0\r\n\r\n{SMUGGLED}",
    "null-in-header": f"X: a\0b\r\nContent-Length: 0\r\n\r\n{SMUGGLED}",
    "line-feed-only": f"X: a\nTransfer-Encoding: chunked\nContent-Length: 4\n\n0\n\n{SMUGGLED}",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_request_that_can_be_read_in_two_ways_is_refused(proxy: RunningProxy, upstream: Upstream, name: str) -> None:
    """The library refuses it and the connection ends, so that nothing after it is taken for a request."""
    answer = exchange(proxy, (CHAT + AMBIGUOUS[name]).encode())
    assert statuses(answer) == [400]
    assert upstream.requests == []


def test_bytes_after_a_request_are_a_request_of_their_own(proxy: RunningProxy, upstream: Upstream) -> None:
    answer = exchange(proxy, (CHAT + "Content-Length: 2\r\n\r\n{}" + SMUGGLED).encode(), answers=2)
    assert statuses(answer) == [200, 404]
    assert [request.split(b" ")[1] for request in upstream.requests] == [b"/v1/chat/completions"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Origin: https://example.com", 403),
        ("Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", 400),
        ("Connection: Upgrade\r\nUpgrade: websocket", 400),
        ("Content-Encoding: gzip", 415),
        ("X: " + "a" * (Bounds().header_bytes + 10), 400),
        ("\r\n".join(f"X-{n}: 1" for n in range(Bounds().headers + 1)), 400),
    ],
    ids=["browser", "h2c", "websocket", "gzip", "large-header", "many-headers"],
)
def test_request_that_no_client_of_ours_sends_is_refused(
    proxy: RunningProxy, upstream: Upstream, header: str, status: int
) -> None:
    answer = exchange(proxy, f"{CHAT}{header}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    assert statuses(answer) == [status]
    assert upstream.requests == []


def test_long_request_line_is_refused(proxy: RunningProxy, upstream: Upstream) -> None:
    assert statuses(exchange(proxy, request_line("GET", "/" + "a" * 70_000))) in ([400], [414], [404])
    assert upstream.requests == []


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "in-chunks"])
def test_body_beyond_the_bound_is_refused(proxy: RunningProxy, upstream: Upstream, chunked: bool) -> None:
    body = b"x" * (Bounds().body_bytes + 1)
    content = iter([body[:1000], body[1000:]]) if chunked else body
    url = f"{proxy.url}/v1/embeddings"
    response = httpx.post(url, content=content, trust_env=False, timeout=30)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")
    assert upstream.requests == []


def test_body_at_the_bound_passes(proxy: RunningProxy, upstream: Upstream) -> None:
    body = b"x" * Bounds().body_bytes
    assert httpx.post(f"{proxy.url}/v1/embeddings", content=body, trust_env=False, timeout=30).status_code == 200
    assert upstream.requests[0].endswith(b"\r\n\r\n" + body)


def test_client_that_waits_to_be_told_is_told_to_send_its_body(proxy: RunningProxy, upstream: Upstream) -> None:
    answer = exchange(proxy, (CHAT + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}").encode(), answers=2)
    assert statuses(answer) == [100, 200]


def test_body_that_is_cut_short_reaches_nobody(proxy: RunningProxy, upstream: Upstream) -> None:
    exchange(proxy, (CHAT + "Content-Length: 10\r\n\r\n{}").encode(), answers=0)
    exchange(proxy, (CHAT + "Transfer-Encoding: chunked\r\n\r\n5\r\n{}").encode(), answers=0)
    assert upstream.requests == []


def test_refused_requests_are_logged_by_path_alone(proxy: RunningProxy) -> None:
    exchange(proxy, b"GET /secrets HTTP/1.1\r\nHost: gpu\r\nAuthorization: Bearer abcdef\r\n\r\n")
    exchange(proxy, b"GET /x HTTP/1.1\r\nHost: gpu\r\nAuthorization : Bearer abcdef\r\n\r\n")
    log = proxy.log.read_text()
    assert "refused what is not HTTP from 127.0.0.1: " in log
    assert "Traceback" not in log
    assert "refused 'GET' '/secrets' from 127.0.0.1: 404 not_found" in log
    assert "abcdef" not in log
