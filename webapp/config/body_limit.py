"""Bound a request's body before Django sees it.

Django's ASGI handler puts a whole body into a temporary file before any middleware has run: without this bound, anybody
who reaches the port could fill the disk. Only the address that takes documents may be sent much.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MIB = 2**20
FORM_BYTES = 4 * MIB
UPLOAD_FILES = 4
UPLOAD_PATH = re.compile(r"/collections/[0-9a-f-]{36}/documents")


def upload_bytes(max_upload_mib: int) -> int:
    """The most that the files of one upload may hold together: four of the largest size, or more smaller ones."""
    return UPLOAD_FILES * max_upload_mib * MIB


class BodyLimit:
    """An ASGI application around ``inner`` that answers 413 to a body over the limit, announced or not."""

    def __init__(self, inner: Application, *, max_upload_bytes: int) -> None:
        self._inner = inner
        self._upload_bytes = max_upload_bytes + FORM_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        limit = self._upload_bytes if UPLOAD_PATH.fullmatch(scope["path"]) else FORM_BYTES
        if _announced_bytes(scope) > limit:
            await _refuse(send, limit)
            return
        taken = 0

        async def count() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            # Told that the browser has gone, Django drops what it has kept so far and answers nothing.
            return message if taken <= limit else {"type": "http.disconnect"}

        await self._inner(scope, count, send)
        if taken > limit:
            await _refuse(send, limit)


def _announced_bytes(scope: Scope) -> int:
    """``Content-Length``; 0 without one or with one that is no number, whose body is then counted as it comes."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(send: Send, limit: int) -> None:
    text = f"This is more than {limit // MIB} MiB, the most that is taken at once here. Send less, or in parts.\n"
    body = text.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
