"""While the engine drains, new requests are refused and questions about the server are not."""

import asyncio
import os
from collections.abc import MutableMapping
from typing import Any

from inference.serving.draining import BODY, SIGNAL, STATUS, Draining, Receive, Send


async def test_requests_are_refused_after_the_signal_and_not_before() -> None:
    asked: list[str] = []

    async def server(scope: MutableMapping[str, Any], _receive: Receive, _send: Send) -> None:
        asked.append(scope["path"])

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("what is refused is not read")

    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    draining = Draining(server)
    completion = {"type": "http", "method": "POST", "path": "/v1/completions"}
    await draining(completion, receive, send)
    os.kill(os.getpid(), SIGNAL)
    await asyncio.wait_for(draining.stopping.wait(), 5)
    await draining(completion, receive, send)
    await draining({"type": "http", "method": "GET", "path": "/v1/models"}, receive, send)
    await draining({"type": "lifespan", "path": ""}, receive, send)
    assert asked == ["/v1/completions", "/v1/models", ""]
    assert [message.get("status") for message in sent] == [STATUS, None]
    assert sent[1]["body"] == BODY
