"""What a client asks for, read from the head of its request. Pure; anything but the two forms we know is refused."""

import re
from dataclasses import dataclass

CONNECT = re.compile(rb"CONNECT ([A-Za-z0-9.-]{1,253}):([1-9][0-9]{0,4}) HTTP/1\.[01]")
HEALTH = re.compile(rb"GET /healthz HTTP/1\.[01]")
HEADER = re.compile(rb"[!#$%&'*+.^_`|~A-Za-z0-9-]+:[\t -~\x80-\xff]*")
BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding", b"upgrade"})
LAST_PORT = 65535


@dataclass(frozen=True)
class Destination:
    """``host`` is a name or an IPv4 address, as the client wrote it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Health:
    """Somebody asks whether this process is well."""


class NotUnderstoodError(Exception):
    """The head is neither a CONNECT nor the question for health; the message says in which way."""


def read_head(head: bytes) -> Destination | Health:
    """``head`` without the empty line at its end. Raises :class:`NotUnderstoodError`."""
    first, *headers = head.split(b"\r\n")
    for line in headers:
        if not HEADER.fullmatch(line):
            raise NotUnderstoodError("a header is malformed")
        if line.partition(b":")[0].lower() in BODY_HEADERS:
            raise NotUnderstoodError("a request for a tunnel has no body")
    if HEALTH.fullmatch(first):
        return Health()
    match = CONNECT.fullmatch(first)
    if match is None:
        raise NotUnderstoodError("only CONNECT host:port is understood")
    host, port = match[1].decode(), int(match[2])
    if port > LAST_PORT:
        raise NotUnderstoodError("there is no such port")
    return Destination(host, port)
