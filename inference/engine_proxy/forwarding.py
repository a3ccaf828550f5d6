"""Pass one request on and its answer back, byte for byte as it comes, and end both sides when either is gone."""

import asyncio
import logging
from collections.abc import Mapping

import aiohttp
from aiohttp import web
from yarl import URL

from inference.engine_proxy import refusals
from inference.engine_proxy.bounds import Bounds
from inference.engine_proxy.refusals import Refusal
from inference.engine_proxy.routing import REQUEST_HEADERS, RESPONSE_HEADERS, SERVER_NAME, Route, select_headers

logger = logging.getLogger(__name__)
AUTOMATIC_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class RefusedError(Exception):
    """The request is not passed on."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Forwarder:
    """Of one process: counts what is open, and refuses what would be too much."""

    def __init__(self, upstreams: Mapping[str, str], bounds: Bounds) -> None:
        self._upstreams, self._bounds = upstreams, bounds
        self._client = build_client(bounds)
        self._held_bytes = 0
        self.open_requests = 0
        self.idle = asyncio.Event()
        self.idle.set()

    async def close(self) -> None:
        await self._client.close()

    async def forward(self, route: Route, request: web.BaseRequest) -> web.StreamResponse:
        """Raises :class:`RefusedError`, and CancelledError when the client goes."""
        base = self._upstreams.get(route.target)
        if base is None:
            raise RefusedError(refusals.absent(route.target))
        if self.open_requests >= self._bounds.requests:
            raise RefusedError(refusals.BUSY)
        self.open_requests += 1
        self.idle.clear()
        body = bytearray()
        try:
            await self._read_body(request, body)
            return await self._exchange(route, URL(base + route.path, encoded=True), request, body)
        finally:
            self._held_bytes -= len(body)
            self.open_requests -= 1
            if not self.open_requests:
                self.idle.set()

    async def _read_body(self, request: web.BaseRequest, body: bytearray) -> None:
        """All of it before any of it is passed on: what was cut short or is too large never reaches a model."""
        limit = self._bounds.body_bytes
        if (request.content_length or 0) > limit:
            raise RefusedError(refusals.too_large(limit))
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async with asyncio.timeout(self._bounds.body_seconds):
                async for part in request.content.iter_any():
                    self._held_bytes += len(part)
                    body += part
                    if len(body) > limit:
                        raise RefusedError(refusals.too_large(limit))
                    if self._held_bytes > self._bounds.held_bytes:
                        raise RefusedError(refusals.BUSY)
        except TimeoutError:
            raise RefusedError(refusals.SLOW_BODY) from None
        except (aiohttp.ClientPayloadError, web.RequestPayloadError):
            raise RefusedError(refusals.BROKEN_BODY) from None

    async def _exchange(self, route: Route, url: URL, request: web.BaseRequest, body: bytearray) -> web.StreamResponse:
        """The connection to the model server ends with the block: when the client is gone, nobody generates on."""
        headers = select_headers(request.headers.items(), REQUEST_HEADERS)
        try:
            async with self._client.request(
                request.method, url, data=body or None, headers=headers, allow_redirects=False
            ) as answer:
                return await _pass_back(answer, request)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise RefusedError(refusals.absent(route.target)) from error
        except (aiohttp.ClientError, OSError) as error:
            logger.warning("%s: no answer (%s)", route.target, type(error).__name__)
            raise RefusedError(refusals.broken(route.target)) from error


def build_client(bounds: Bounds) -> aiohttp.ClientSession:
    """A connection for each request: one that is kept may be closed by the other side at the moment it is used, and a
    question must not be sent twice. Proxy variables, cookies and compression are nobody's business here."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True, use_dns_cache=False),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=bounds.connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=AUTOMATIC_HEADERS,
    )


async def _pass_back(answer: aiohttp.ClientResponse, request: web.BaseRequest) -> web.StreamResponse:
    """Once the answer has begun, an end that is not its end cuts the connection, so that the client sees a broken
    answer and not a short one."""
    response = web.StreamResponse(status=answer.status, reason=answer.reason)
    response.headers.extend(select_headers(answer.headers.items(), RESPONSE_HEADERS))
    response.headers["Server"] = SERVER_NAME
    if response.content_length is None:
        response.enable_chunked_encoding()
    try:
        await response.prepare(request)
        async for part in answer.content.iter_any():
            await response.write(part)
        await response.write_eof()
    except BaseException as error:
        if request.transport is not None:
            request.transport.abort()
        if not isinstance(error, (aiohttp.ClientError, OSError)):
            raise
        logger.warning("an answer broke off (%s)", type(error).__name__)
    return response
