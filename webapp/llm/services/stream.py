"""Reading one streamed completion: a thread reads the socket, so that the caller can stop at any moment.

A blocked ``recv`` cannot be interrupted; shutting its socket down from the caller's thread can. The engine sees the
connection close and stops generating.
"""

import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx
import httpx_sse
from django.conf import settings

from webapp.llm.errors import EngineTimeout, EngineUnavailable, LlmError
from webapp.llm.services import wire

POLL_SECONDS = 0.05
MAX_RESPONSE_BYTES = 16 * 2**20
QUEUED_EVENTS = 256


class Stopped(Exception):
    """The caller's ``should_stop`` said so."""


class CompletionStream:
    """The decoded ``data:`` objects of one ``/v1/chat/completions`` call. Use as a context manager."""

    def __init__(self, *, url: str, body: Mapping[str, Any]) -> None:
        self._url = url
        self._body = body
        self._timeouts = settings.MODEL_TIMEOUTS
        self._events: queue.Queue[dict[str, Any] | LlmError | None] = queue.Queue(QUEUED_EVENTS)
        self._closed = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._read, name="llm-stream", daemon=True)

    def __enter__(self) -> "CompletionStream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(self._timeouts.connect_seconds)

    def events(self, *, should_stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """Each object as it arrives. Raises Stopped, EngineTimeout, or what the reader met."""
        limit = self._timeouts.first_token_seconds
        waiting_since = time.monotonic()
        while True:
            if should_stop():
                raise Stopped
            try:
                event = self._events.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if time.monotonic() - waiting_since > limit:
                    raise EngineTimeout(f"the engine said nothing for {limit:g} seconds") from None
                continue
            if event is None:
                return
            if isinstance(event, LlmError):
                raise event
            yield event
            if has_output(event):
                limit = self._timeouts.gap_seconds
            waiting_since = time.monotonic()

    def _read(self) -> None:
        try:
            self._read_all()
            self._put(None)
        except LlmError as error:
            self._put(error)
        except httpx_sse.SSEError:
            self._put(EngineUnavailable("the model's server answered with something that is not an event stream"))
        except httpx.HTTPError as error:
            self._put(wire.error_of_transport(error))
        except (OSError, ValueError) as error:
            self._put(EngineUnavailable(f"the answer of the model's server could not be read ({type(error).__name__})"))

    def _read_all(self) -> None:
        with wire.client().stream(
            "POST",
            self._url,
            json=dict(self._body),
            timeout=wire.timeout(max(self._timeouts.first_token_seconds, self._timeouts.gap_seconds)),
            extensions={"trace": self._keep_socket},
        ) as response:
            if response.status_code != 200:
                raise wire.error_of_status(response.status_code, _bounded_text(response))
            has_ended = False
            for event in httpx_sse.EventSource(response).iter_sse():
                if self._closed.is_set():
                    return
                if response.num_bytes_downloaded > MAX_RESPONSE_BYTES:
                    raise EngineUnavailable("the engine's answer is longer than any answer can be")
                if event.data == "[DONE]":
                    if has_ended:
                        return
                    break
                decoded = _decode(event.data)
                has_ended = has_ended or says_how_it_ended(decoded)
                self._put(decoded)
        raise EngineUnavailable("the engine broke off in the middle of its answer")

    def _keep_socket(self, event: str, info: Mapping[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")

    def _put(self, event: dict[str, Any] | LlmError | None) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._events.put(event, timeout=POLL_SECONDS)
                return


def has_output(event: Mapping[str, Any]) -> bool:
    """Whether the model produced something: text, or reasoning, which is not part of the answer."""
    choices = event.get("choices") or [{}]
    delta = choices[0].get("delta") or {}
    return bool(delta.get("content") or delta.get("reasoning") or delta.get("reasoning_content"))


def says_how_it_ended(event: Mapping[str, Any]) -> bool:
    """Whether it carries a ``finish_reason``, without which an answer is not whole, ``[DONE]`` or not."""
    return any(choice.get("finish_reason") for choice in event.get("choices") or ())


def _decode(data: str) -> dict[str, Any]:
    event = json.loads(data)
    if not isinstance(event, dict):
        raise EngineUnavailable("the engine sent an event that is not an object")
    choices = event.get("choices") or []
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise EngineUnavailable("the engine sent an event whose choices are not objects")
    error = event.get("error")
    if error:
        code = error.get("code") if isinstance(error, dict) else None
        raise wire.error_of_status(code if isinstance(code, int) else 500, data)
    return event


def _bounded_text(response: httpx.Response) -> str:
    body = b""
    for part in response.iter_bytes():
        body += part
        if len(body) > 64 * 1024:
            break
    return body.decode(errors="replace")
