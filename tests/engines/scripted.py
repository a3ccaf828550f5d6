"""The scripted engine: ``python -m tests.engines.scripted --port N [--script FILE]``.

A real HTTP server with vLLM's wire format and authored outputs, for what a random tiny checkpoint cannot do on purpose:
cite, call a tool, fail in mid-stream. Tests steer it by ``<<marker>>`` in the question or through ``/__script``:
``POST /__script {"rules": [...]}`` puts rules before the others, ``DELETE /__script`` forgets them, ``GET /__state``
shows what was asked and how many streams are open. ``/metrics`` counts open streams as running; ``POST /__load
{"running": 3, "waiting": 9}`` says that there are so many more.
"""

import argparse
import asyncio
import json
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

from tests.engines import wire
from tests.engines.script import (
    DEFAULT_SCRIPT,
    Rule,
    Script,
    answer_text,
    count_prompt_tokens,
    load_rules,
    read_script,
    split_tokens,
)

MODEL = "scripted-test-engine"
MAX_MODEL_TOKENS = 16384
REMEMBERED_REQUESTS = 200

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ScriptedEngine:
    """The ASGI application and what tests may ask about it."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._requests: deque[dict[str, Any]] = deque(maxlen=REMEMBERED_REQUESTS)
        self._open_streams = 0
        self._disconnects = 0
        self._load = {"running": 0, "waiting": 0}
        self._created = int(time.time())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        route = (scope["method"], scope["path"])
        if route == ("POST", "/v1/chat/completions"):
            return await self._chat(scope, receive, send)
        if route == ("GET", "/v1/models"):
            return await _send_json(send, 200, wire.build_model_list(MODEL, self._created, MAX_MODEL_TOKENS))
        if route == ("GET", "/health"):
            return await _send(send, 200, b"", "text/plain")
        if route == ("GET", "/metrics"):
            running, waiting = self._open_streams + self._load["running"], self._load["waiting"]
            return await _send(send, 200, wire.build_metrics(MODEL, running, waiting), "text/plain; version=0.0.4")
        if scope["path"].startswith("/__"):
            return await self._control(route, receive, send)
        return await _send_json(send, 404, {"detail": "Not Found"})

    async def _control(self, route: tuple[str, str], receive: Receive, send: Send) -> None:
        if route == ("POST", "/__script"):
            self._script.add(load_rules(json.loads(await _read_body(receive))))
        elif route == ("POST", "/__load"):
            self._load = json.loads(await _read_body(receive))
        elif route == ("DELETE", "/__script"):
            self._script.reset()
            self._load = {"running": 0, "waiting": 0}
            self._requests.clear()
            self._disconnects = 0
        elif route != ("GET", "/__state"):
            return await _send_json(send, 404, {"detail": "Not Found"})
        state = {
            "requests": list(self._requests),
            "open_streams": self._open_streams,
            "disconnects": self._disconnects,
            "rules": [rule.marker for rule in self._script.rules],
        }
        return await _send_json(send, 200, state)

    async def _chat(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            request = json.loads(await _read_body(receive))
        except json.JSONDecodeError as error:
            malformed = wire.build_error(
                400, "1 validation error:\n  JSON decode error", param=f"body.{error.pos}", kind="Bad Request"
            )
            return await _send_json(send, 400, malformed)
        if refusal := refuse(request):
            return await _send_json(send, refusal["error"]["code"], refusal)
        self._requests.append(request)
        rule = self._script.choose(request["messages"])
        if rule.status != 200:
            return await _send_json(send, rule.status, wire.build_error(rule.status, rule.message))
        answer = ScriptedAnswer(request, rule)
        if not request.get("stream"):
            await asyncio.sleep(rule.token_delay_seconds)
            return await _send_json(send, 200, answer.whole())
        return await self._stream(answer, receive, send)

    async def _stream(self, answer: "ScriptedAnswer", receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_wait_for_disconnect(receive))
        self._open_streams += 1
        try:
            await _start(send, 200, "text/event-stream; charset=utf-8")
            for number, event in enumerate(answer.events()):
                if answer.rule.break_after_tokens is not None and number > answer.rule.break_after_tokens:
                    return  # without an end of the body: the server cuts the connection
                if gone.done():
                    self._disconnects += 1
                    return
                await send({"type": "http.response.body", "body": event, "more_body": True})
                await asyncio.sleep(answer.rule.token_delay_seconds)
            await send({"type": "http.response.body", "body": wire.DONE_EVENT})
        finally:
            self._open_streams -= 1
            gone.cancel()


class ScriptedAnswer:
    """One answer: its pieces, and its forms on the wire."""

    def __init__(self, request: dict[str, Any], rule: Rule) -> None:
        self.rule = rule
        self._request = request
        self._id = f"chatcmpl-{uuid.uuid4().hex[:16]}"
        self._created = int(time.time())
        self._prompt_tokens = count_prompt_tokens(request["messages"])
        pieces = [] if rule.tool_name else split_tokens(answer_text(rule, request["messages"]))
        limit = request.get("max_completion_tokens") or request.get("max_tokens") or MAX_MODEL_TOKENS
        self._pieces = pieces[:limit]
        self._finish_reason = "tool_calls" if rule.tool_name else "length" if len(pieces) > limit else "stop"

    def _tool_call(self) -> dict[str, Any]:
        function = {"name": self.rule.tool_name, "arguments": json.dumps(self.rule.tool_arguments or {})}
        return {"id": f"chatcmpl-tool-{uuid.uuid4().hex[:16]}", "type": "function", "function": function}

    def _completion_tokens(self) -> int:
        return len(self._pieces) or 1

    def whole(self) -> dict[str, Any]:
        return wire.build_answer(
            self._id,
            self._created,
            MODEL,
            content=None if self.rule.tool_name else "".join(self._pieces),
            tool_calls=[self._tool_call()] if self.rule.tool_name else [],
            finish_reason=self._finish_reason,
            usage=wire.build_whole_usage(self._prompt_tokens, self._completion_tokens()),
        )

    def events(self) -> list[bytes]:
        """Every event but ``[DONE]``, in vLLM's order: role, one a token, the last with its reason, usage if asked."""
        options = self._request.get("stream_options") or {}
        deltas: list[dict[str, Any]] = [{"content": piece} for piece in self._pieces] or [{"content": ""}]
        if self.rule.tool_name:
            deltas = wire.build_tool_call_deltas(self._tool_call())
        with_usage = bool(options.get("include_usage"))
        throughout = with_usage and bool(options.get("continuous_usage_stats"))

        def usage_after(tokens: int) -> dict[str, Any] | None:
            return wire.build_usage(self._prompt_tokens, tokens) if throughout else None

        head = (self._id, self._created, MODEL)
        chunks = [wire.build_first_chunk(*head, usage_after(0))]
        for number, delta in enumerate(deltas, start=1):
            reason = self._finish_reason if number == len(deltas) else None
            chunks.append(wire.build_chunk(*head, delta, finish_reason=reason, usage=usage_after(number)))
        if with_usage:
            usage = wire.build_usage(self._prompt_tokens, self._completion_tokens())
            chunks.append(wire.build_usage_chunk(*head, usage))
        chunks[-1]["system_fingerprint"] = wire.FINGERPRINT
        return [wire.encode_event(chunk) for chunk in chunks]


def refuse(request: Any) -> dict[str, Any] | None:
    """The error vLLM would answer, or None when the request is fine."""
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
        missing = "1 validation error:\n  {'type': 'missing', 'loc': 'body.messages', 'msg': 'Field required'}"
        return wire.build_error(400, missing, param="body.messages", kind="Bad Request")
    if request.get("model", MODEL) != MODEL:
        return wire.build_error(
            404, f"The model `{request['model']}` does not exist. Valid aliases: {MODEL}.", param="model"
        )
    if not request["messages"]:
        return wire.build_error(400, "Cannot apply chat template to an empty conversation.")
    limit = request.get("max_tokens")
    if limit is not None and limit < 1:
        return wire.build_error(400, f"max_tokens must be at least 1, got {limit}.", param="max_tokens")
    if count_prompt_tokens(request["messages"]) > MAX_MODEL_TOKENS:
        return wire.build_error(
            400, f"This model's maximum context length is {MAX_MODEL_TOKENS} tokens.", param="input_tokens"
        )
    return None


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, status: int, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _send(send: Send, status: int, body: bytes, content_type: str) -> None:
    await _start(send, status, content_type)
    await send({"type": "http.response.body", "body": body})


async def _send_json(send: Send, status: int, value: dict[str, Any]) -> None:
    await _send(send, status, json.dumps(value).encode(), "application/json")


def main() -> None:
    parser = argparse.ArgumentParser(description="An OpenAI-compatible engine whose answers are authored, for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--script", type=Path, default=DEFAULT_SCRIPT)
    arguments = parser.parse_args()
    engine = ScriptedEngine(Script(read_script(arguments.script)))
    uvicorn.run(engine, host=arguments.host, port=arguments.port, access_log=False, timeout_graceful_shutdown=3)


if __name__ == "__main__":
    main()
