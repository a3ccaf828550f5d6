"""Accept clients, decide, connect to the address that was checked, and carry bytes both ways until both are done."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from appliance.egress.allowing import AllowList
from appliance.egress.asking import Destination, Health, NotUnderstoodError, read_head

logger = logging.getLogger("appliance.egress")
HEAD_END = b"\r\n\r\n"
READ_BYTES = 65536
Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True)
class Bounds:
    """``idle_seconds`` is how long a tunnel may carry nothing in either direction."""

    connections: int = 512
    head_bytes: int = 8192
    head_seconds: float = 10
    resolve_seconds: float = 5
    connect_seconds: float = 10
    idle_seconds: float = 600
    linger_seconds: float = 1
    drain_seconds: float = 5


async def resolve(host: str, port: int) -> list[str]:
    """Every address of ``host``, without repeats. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class RefusedError(Exception):
    """No tunnel; ``reason`` goes to the log, and only the status to the client."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass
class _Carried:
    """What a tunnel has carried, and when last."""

    sent: int = 0
    received: int = 0
    at: float = field(default_factory=time.monotonic)


class Egress:
    """The handler of every connection, over one allow-list."""

    def __init__(self, allow: AllowList, bounds: Bounds, *, resolve: Resolve = resolve) -> None:
        self._allow, self._bounds, self._resolve = allow, bounds, resolve
        self._open: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._open) >= self._bounds.connections:
            writer.transport.abort()
            return
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client went, or said nothing
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def drain(self) -> None:
        """Wait for open tunnels, for a while, then cut them."""
        if not self._open:
            return
        _, pending = await asyncio.wait(self._open, timeout=self._bounds.drain_seconds)
        for task in pending:
            task.cancel()
        if pending:
            logger.warning("%d tunnels were cut", len(pending))
            await asyncio.wait(pending)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        who = writer.get_extra_info("peername")[0]
        asked: Destination | None = None
        try:
            head = await self._read_head(reader)
            wanted = read_head(head)
            if isinstance(wanted, Health):
                await self._answer(reader, writer, "200 OK", b"ok\n")
                return
            asked = wanted
            far_reader, far_writer = await self._connect(asked)
        except NotUnderstoodError as error:
            logger.warning("refused a request from %s: %s", who, error)
            await self._answer(reader, writer, "400 Bad Request")
            return
        except RefusedError as error:
            logger.warning("refused %s for %s: %s", asked, who, error.reason)
            await self._answer(reader, writer, error.status)
            return
        logger.info("opened %s for %s", asked, who)
        started, carried = time.monotonic(), _Carried()
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._carry(reader, writer, far_reader, far_writer, carried)
        finally:
            far_writer.close()
            seconds = time.monotonic() - started
            logger.info(
                "closed %s for %s: %d bytes out, %d in, %.1f s", asked, who, carried.sent, carried.received, seconds
            )

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: str, body: bytes = b""
    ) -> None:
        """And hear the client out for a moment: what is unread when a connection closes takes the answer with it."""
        fields = f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close"
        writer.write(f"HTTP/1.1 {status}\r\n{fields}\r\n\r\n".encode() + body)
        writer.write_eof()
        async with asyncio.timeout(self._bounds.linger_seconds):
            while await reader.read(READ_BYTES):
                pass

    async def _read_head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self._bounds.head_seconds):
                return (await reader.readuntil(HEAD_END)).removesuffix(HEAD_END)
        except asyncio.LimitOverrunError:
            raise NotUnderstoodError("the head is too large") from None

    async def _connect(self, asked: Destination) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Names are resolved once, here, and the connection goes to the address that was looked at. Raises
        :class:`RefusedError`."""
        if not self._allow.names(asked.host, asked.port):
            raise RefusedError("403 Forbidden", "egress.allow does not name it")
        try:
            async with asyncio.timeout(self._bounds.resolve_seconds):
                addresses = await self._resolve(asked.host, asked.port)
        except (OSError, UnicodeError):
            raise RefusedError("502 Bad Gateway", "the name has no address") from None
        allowed = self._allow.select(addresses, asked.port)
        if not allowed:
            inside = ", ".join(addresses)
            raise RefusedError("403 Forbidden", f"it leads to {inside}, inside; name that address too if it shall")
        for address in allowed:
            with contextlib.suppress(OSError):
                async with asyncio.timeout(self._bounds.connect_seconds / len(allowed)):
                    return await asyncio.open_connection(address, asked.port)
        raise RefusedError("502 Bad Gateway", "nothing answers there")

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
        carried: _Carried,
    ) -> None:
        """Until both directions have ended, one broke, or nothing was carried for too long."""
        out = asyncio.create_task(_pump(reader, far_writer, carried, "sent"))
        back = asyncio.create_task(_pump(far_reader, writer, carried, "received"))
        both = {out, back}
        try:
            while both:
                left = carried.at + self._bounds.idle_seconds - time.monotonic()
                if left <= 0:
                    break
                done, both = await asyncio.wait(both, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if any(task.exception() for task in done):
                    break
        finally:
            for task in (out, back):
                task.cancel()
            await asyncio.gather(out, back, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, carried: _Carried, way: str) -> None:
    """One direction; its end is passed on, the other goes on."""
    while part := await reader.read(READ_BYTES):
        writer.write(part)
        await writer.drain()
        setattr(carried, way, getattr(carried, way) + len(part))
        carried.at = time.monotonic()
    if writer.can_write_eof():
        writer.write_eof()
