"""The proxy's one request handler: refuse, answer with readings, or pass on."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from aiohttp import web

from inference.engine_proxy import refusals
from inference.engine_proxy.bounds import Bounds
from inference.engine_proxy.forwarding import Forwarder, RefusedError, build_client
from inference.engine_proxy.refusals import Refusal
from inference.engine_proxy.routing import SERVER_NAME, Route, build_routes, find_route
from inference.engine_proxy.tls import find_common_name, may_ask_models
from inference.engine_proxy.watching import Watcher
from inference.metrics.parse import to_json
from inference.metrics.prometheus import render_host
from inference.serving.argv import FurtherUpstream

logger = logging.getLogger(__name__)
SHOWN_CHARACTERS = 100
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
HEALTH_PATH = "/health"


class EngineProxy:
    """``upstreams`` are the base URLs of ``engine`` and ``embedder``, of those that stand behind this proxy;
    ``further`` are the models beside them, each below a prefix of its own."""

    def __init__(
        self, upstreams: Mapping[str, str], watcher: Watcher, bounds: Bounds, further: Sequence[FurtherUpstream] = ()
    ) -> None:
        self._upstreams = {**upstreams, **{each.component: each.url for each in further}}
        self._routes = build_routes(further)
        self._watcher, self._bounds = watcher, bounds
        self._forwarder = Forwarder(self._upstreams, bounds)
        self._client = build_client(bounds)

    @property
    def open_requests(self) -> int:
        return self._forwarder.open_requests

    async def finished(self) -> None:
        """Returns when nothing is being passed on."""
        await self._forwarder.idle.wait()

    async def close(self) -> None:
        await self._forwarder.close()
        await self._client.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(request, _admit(request, self._routes))
        except RefusedError as refused:
            if refused.refusal.status < 500:
                _log(request, refused.refusal)
            return _build_response(refused.refusal)

    async def _answer(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        if route.is_forwarded:
            return await self._forwarder.forward(route, request)
        if route.target == "health":
            return await self._health()
        watched = await self._watcher.watch()
        if route.target == "hardware":
            return _build_json(to_json(watched.reading))
        ours = render_host(watched.reading, open_requests=self.open_requests, has_engine=watched.has_engine)
        headers = {"Content-Type": EXPOSITION, "Server": SERVER_NAME}
        return web.Response(body=(ours + watched.engine_metrics).encode(), headers=headers)

    async def _health(self) -> web.StreamResponse:
        """The proxy is well when it answers at all: a model that is absent or loading is no reason to restart it."""
        names = sorted(self._upstreams)
        answers = await asyncio.gather(*(self._asks(self._upstreams[name]) for name in names))
        return _build_json({"status": "ok", "upstreams": dict(zip(names, answers, strict=True))})

    async def _asks(self, base: str) -> bool:
        try:
            async with asyncio.timeout(self._bounds.health_seconds), self._client.get(base + HEALTH_PATH) as answer:
                return bool(answer.status == 200)
        except (aiohttp.ClientError, OSError):
            return False


def _admit(request: web.BaseRequest, routes: Mapping[tuple[str, str], Route]) -> Route:
    """Raises :class:`RefusedError`. A browser names the page that asks in Origin; nothing of ours is a browser."""
    route = find_route(request.method, request.raw_path, routes)
    if route is None:
        raise RefusedError(refusals.UNKNOWN_PATH)
    if route.is_forwarded and _is_encrypted(request) and not may_ask_models(_find_client(request)):
        raise RefusedError(refusals.READINGS_ONLY)
    if "Origin" in request.headers:
        raise RefusedError(refusals.BROWSER)
    if "Upgrade" in request.headers:
        raise RefusedError(refusals.UPGRADE)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RefusedError(refusals.ENCODED)
    return route


def _log(request: web.BaseRequest, refusal: Refusal) -> None:
    method, path = request.method[:SHOWN_CHARACTERS], request.raw_path[:SHOWN_CHARACTERS]
    who = f"{request.remote} {_find_client(request)[:SHOWN_CHARACTERS]}".rstrip()
    logger.warning("refused %r %r from %s: %d %s", method, path, who, refusal.status, refusal.code)


def _is_encrypted(request: web.BaseRequest) -> bool:
    """Without TLS the proxy is on loopback only, where nobody has a name."""
    return request.transport is not None and request.transport.get_extra_info("ssl_object") is not None


def _find_client(request: web.BaseRequest) -> str:
    """The name in the client's certificate, which our own authority wrote there."""
    return find_common_name(None if request.transport is None else request.transport.get_extra_info("peercert"))


def _build_json(content: dict[str, Any]) -> web.Response:
    headers = {"Content-Type": "application/json", "Server": SERVER_NAME}
    return web.Response(body=json.dumps(content).encode(), headers=headers)


def _build_response(refusal: Refusal) -> web.Response:
    """The connection is not used again: an unread body may follow, which nothing should take for a request."""
    headers = {**refusal.headers, "Server": SERVER_NAME}
    response = web.Response(body=refusal.body, status=refusal.status, headers=headers)
    response.force_close()
    return response
