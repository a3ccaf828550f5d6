"""The head of a request is understood in two forms only."""

import pytest

from appliance.egress.asking import Destination, Health, NotUnderstoodError, read_head


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        (b"CONNECT hooks.example.com:443 HTTP/1.1\r\nHost: x", Destination("hooks.example.com", 443)),
        (b"CONNECT 10.0.0.5:465 HTTP/1.0", Destination("10.0.0.5", 465)),
        (b"CONNECT x:1 HTTP/1.1\r\nProxy-Authorization: Basic \xff\r\nUser-Agent: a b", Destination("x", 1)),
        (b"GET /healthz HTTP/1.1\r\nHost: egress", Health()),
    ],
)  # fmt: skip
def test_tunnel_and_health_are_understood(head: bytes, wanted: Destination | Health) -> None:
    assert read_head(head) == wanted


@pytest.mark.parametrize(
    "head",
    [
        b"", b"GET http://hooks.example.com/ HTTP/1.1", b"POST http://hooks.example.com/ HTTP/1.1", b"GET / HTTP/1.1",
        b"GET /healthz?x HTTP/1.1", b"GET /healthz/ HTTP/1.1", b"POST /healthz HTTP/1.1", b"connect x:443 HTTP/1.1",
        b"CONNECT x HTTP/1.1", b"CONNECT x: HTTP/1.1", b"CONNECT :443 HTTP/1.1", b"CONNECT x:0 HTTP/1.1",
        b"CONNECT x:0443 HTTP/1.1", b"CONNECT x:65536 HTTP/1.1", b"CONNECT x:99999 HTTP/1.1", b"CONNECT x:+1 HTTP/1.1",
        b"CONNECT x:443", b"CONNECT x:443 HTTP/2.0", b"CONNECT  x:443 HTTP/1.1", b"CONNECT x:443 HTTP/1.1 ",
        b"CONNECT http://x:443 HTTP/1.1", b"CONNECT user@x:443 HTTP/1.1", b"CONNECT x:443/path HTTP/1.1",
        b"CONNECT x:443@y:443 HTTP/1.1", b"CONNECT [::1]:443 HTTP/1.1", b"CONNECT x%00y:443 HTTP/1.1",
        b"CONNECT x\x00:443 HTTP/1.1", b"CONNECT \xc3\xa9:443 HTTP/1.1", b"CONNECT x\n:443 HTTP/1.1",
        b"CONNECT " + b"x" * 254 + b":443 HTTP/1.1", b"PRI * HTTP/2.0", b"\x16\x03\x01",
        b"CONNECT x:443 HTTP/1.1\r\nContent-Length: 0", b"CONNECT x:443 HTTP/1.1\r\nTransfer-Encoding: chunked",
        b"CONNECT x:443 HTTP/1.1\r\nUPGRADE: h2c", b"CONNECT x:443 HTTP/1.1\r\nHost : x",
        b"CONNECT x:443 HTTP/1.1\r\n y",
        b"CONNECT x:443 HTTP/1.1\r\nHost: x\nContent-Length: 3", b"CONNECT x:443 HTTP/1.1\r\nnonsense",
        b"GET /healthz HTTP/1.1\r\nContent-Length: 4",
    ],
)  # fmt: skip
def test_anything_else_is_not_understood(head: bytes) -> None:
    with pytest.raises(NotUnderstoodError):
        read_head(head)
