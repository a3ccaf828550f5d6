"""Tunnels over real sockets on loopback: to what is allowed, to the address that was checked, and no further."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from appliance.egress.allowing import AllowList
from appliance.egress.tunnels import Bounds, Egress, Resolve, resolve

QUICK = Bounds(head_seconds=0.3, connect_seconds=1, idle_seconds=0.5, drain_seconds=0.3, connections=2)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Far:
    """A server that says back what it hears, in capitals, and greets first."""

    port: int = 0
    accepted: int = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        writer.write(b"hello ")
        while part := await reader.read(65536):
            writer.write(part.upper())
            await writer.drain()
        writer.write(b" bye")
        writer.close()


@dataclass
class Names:
    """Answers for names, and remembers who was asked for."""

    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise OSError("unknown")
        return self.answers[host].pop(0)


@asynccontextmanager
async def running(
    allow: Callable[[int], list[str]], *, bounds: Bounds = QUICK, names: Resolve = resolve
) -> AsyncIterator[tuple[int, Far, Egress]]:
    """An egress with the list that ``allow`` makes of the far server's port."""
    far = Far()
    server = await asyncio.start_server(far.accept, "127.0.0.1", 0)
    far.port = server.sockets[0].getsockname()[1]
    egress = Egress(AllowList.read(allow(far.port)), bounds, resolve=names)
    listening = await asyncio.start_server(egress.accept, "127.0.0.1", 0, limit=bounds.head_bytes)
    try:
        yield listening.sockets[0].getsockname()[1], far, egress
    finally:
        listening.close()
        server.close()
        await egress.drain()


async def ask(port: int, sent: bytes) -> Streams:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    return reader, writer


async def answer(port: int, sent: bytes) -> bytes:
    reader, writer = await ask(port, sent)
    received = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return received


def connect(host: str, port: int) -> bytes:
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()


async def test_tunnel_carries_both_ways_until_both_are_done() -> None:
    async with running(lambda port: [f"127.0.0.1:{port}"]) as (egress, far, _):
        reader, writer = await ask(egress, connect("127.0.0.1", far.port) + b"early ")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
        writer.write(b"late")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b"hello EARLY LATE bye"
        writer.close()


async def test_nothing_is_allowed_by_default(caplog: pytest.LogCaptureFixture) -> None:
    names = Names()
    async with running(lambda _: [], names=names) as (egress, far, _):
        assert (await answer(egress, connect("127.0.0.1", far.port))).startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert (far.accepted, names.asked) == (0, [])  # a refused name is not even looked up
    assert caplog.messages == [f"refused 127.0.0.1:{far.port} for 127.0.0.1: egress.allow does not name it"]


async def test_name_that_leads_inside_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    names = Names({"hooks.example.com": [["127.0.0.1"]]})
    async with running(lambda port: [f"hooks.example.com:{port}"], names=names) as (egress, far, _):
        assert (await answer(egress, connect("hooks.example.com", far.port))).startswith(b"HTTP/1.1 403 ")
    assert far.accepted == 0
    assert "it leads to 127.0.0.1, inside" in caplog.text


async def test_name_may_lead_to_an_inside_address_that_is_named_too() -> None:
    names = Names({"mail.example.com": [["127.0.0.1"]]})
    async with running(lambda port: [f"mail.example.com:{port}", f"127.0.0.1:{port}"], names=names) as (egress, far, _):
        reader, writer = await ask(egress, connect("mail.example.com", far.port))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_name_is_resolved_once_and_the_checked_address_is_connected_to() -> None:
    """A name server that answers well first and badly then gets no second question."""
    names = Names({"mail.example.com": [["127.0.0.2", "127.0.0.1"], ["127.0.0.3"]]})
    async with running(lambda port: [f"mail.example.com:{port}", f"127.0.0.1:{port}"], names=names) as (egress, far, _):
        reader, writer = await ask(egress, connect("mail.example.com", far.port))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert (names.asked, far.accepted) == (["mail.example.com"], 1)


async def test_name_without_address_and_address_without_server_are_bad_gateways() -> None:
    names = Names({"quiet.example.com": [["127.0.0.1"]]})
    async with running(lambda _: ["no.example.com:443", "quiet.example.com:9", "127.0.0.1:9"], names=names) as (
        egress,
        *_,
    ):
        assert (await answer(egress, connect("no.example.com", 443))).startswith(b"HTTP/1.1 502 ")
        assert (await answer(egress, connect("quiet.example.com", 9))).startswith(b"HTTP/1.1 502 ")


async def test_plain_http_is_not_passed_on_and_not_written_down(caplog: pytest.LogCaptureFixture) -> None:
    async with running(lambda port: [f"127.0.0.1:{port}"]) as (egress, far, _):
        sent = f"GET http://127.0.0.1:{far.port}/?key=secret HTTP/1.1\r\nHost: x\r\nAuthorization: secret\r\n\r\n"
        assert (await answer(egress, sent.encode())).startswith(b"HTTP/1.1 400 ")
    assert far.accepted == 0
    assert "secret" not in caplog.text


async def test_health_is_answered() -> None:
    async with running(lambda _: []) as (egress, *_):
        assert (await answer(egress, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"\r\n\r\nok\n")


async def test_head_that_is_too_large_or_too_slow_ends() -> None:
    async with running(lambda _: []) as (egress, *_):
        large = connect("x", 443).removesuffix(b"\r\n") + b"X: " + b"a" * 20_000 + b"\r\n\r\n"
        assert (await answer(egress, large)).startswith(b"HTTP/1.1 400 ")
        assert await answer(egress, b"CONNECT x:443 HT") == b""


async def test_tunnel_that_carries_nothing_ends() -> None:
    async with running(lambda port: [f"127.0.0.1:{port}"]) as (egress, far, _):
        assert (await answer(egress, connect("127.0.0.1", far.port))).endswith(b"\r\n\r\nhello ")


async def test_tunnel_that_carries_something_now_and_then_goes_on() -> None:
    bounds = Bounds(idle_seconds=1.5, drain_seconds=0.3)
    async with running(lambda port: [f"127.0.0.1:{port}"], bounds=bounds) as (egress, far, _):
        reader, writer = await ask(egress, connect("127.0.0.1", far.port))
        await reader.readuntil(b"hello ")
        for _ in range(4):
            await asyncio.sleep(0.5)
            writer.write(b"x")
            assert await asyncio.wait_for(reader.readexactly(1), 5) == b"X"
        writer.close()


async def test_connections_beyond_the_bound_are_refused() -> None:
    async with running(lambda port: [f"127.0.0.1:{port}"]) as (egress, far, _):
        held = [await ask(egress, connect("127.0.0.1", far.port)) for _ in range(QUICK.connections)]
        for reader, _ in held:
            await reader.readuntil(b"hello ")
        with pytest.raises(ConnectionResetError):
            await answer(egress, connect("127.0.0.1", far.port))
        for _, writer in held:
            writer.close()


async def test_stopping_waits_for_tunnels_and_then_cuts_them(caplog: pytest.LogCaptureFixture) -> None:
    patient = Bounds(idle_seconds=60, drain_seconds=0.3)
    async with running(lambda port: [f"127.0.0.1:{port}"], bounds=patient) as (port, far, egress):
        reader, writer = await ask(port, connect("127.0.0.1", far.port))
        await reader.readuntil(b"hello ")
        await egress.drain()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
    assert "1 tunnels were cut" in caplog.text
