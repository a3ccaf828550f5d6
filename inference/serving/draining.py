"""vLLM's server refuses new requests while it drains: an ASGI middleware, which vLLM is told of by ``--middleware``.

vLLM by itself takes them on and fails: with 500 and a traceback, or, for one that was being read at that moment, with
an empty answer that looks like a whole one. The keeper sends SIGUSR1 before it asks for the end.
"""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

NAME = "inference.serving.draining.Draining"
SIGNAL = signal.SIGUSR1
STATUS = 503
ERROR = {"message": "The engine is stopping: ask another one, or again later.", "type": "server_error",
         "param": None, "code": "stopping"}  # fmt: skip
BODY = json.dumps({"error": ERROR}).encode()
HEADERS = [(b"content-type", b"application/json"), (b"retry-after", b"2"), (b"content-length", str(len(BODY)).encode())]


class Draining:
    """Made by the running server, at its start. Questions about the server itself are answered to the end."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self.stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(SIGNAL, self.stopping.set)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if self.stopping.is_set() and scope["type"] == "http" and scope["method"] == "POST":
            await send({"type": "http.response.start", "status": STATUS, "headers": HEADERS})
            await send({"type": "http.response.body", "body": BODY})
            return
        await self._app(scope, receive, send)
