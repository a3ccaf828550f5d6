"""Follow a run's log: what is in it, then what comes. Nothing is lost or given twice, with Redis or without."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID

from django.db import connection

from webapp.streaming.hub import hub
from webapp.streaming.log import Page, read_page
from webapp.streaming.types import Event

# These threads read the logs for all streams of a process: no more connections than threads, none while streams idle.
_readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="run-events-reader")

SSE_RETRY_MILLISECONDS = 1000


def _read_page(run_id: UUID, after: int) -> Page:
    """Read and give the connection back to the pool."""
    try:
        return read_page(run_id, after)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def follow(run_id: UUID, after: int, heartbeat_seconds: float) -> Iterator[Event | None]:
    woken = threading.Event()
    with hub.listen(run_id, after, woken.set) as box:
        behind = True
        while True:
            if behind:
                page = _read_page(run_id, box.position)
                for event in page.events:
                    box.position = event.seq
                    yield event
                if page.ended:
                    return
                behind = bool(page.events)
                continue
            if not woken.wait(heartbeat_seconds):
                yield None
                continue
            woken.clear()
            events, behind = box.take()
            for event in events:
                yield event
                if event.is_final:
                    return


async def _follow(run_id: UUID, after: int, heartbeat_seconds: float) -> AsyncIterator[Event | None]:
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended, and the stream with it
            loop.call_soon_threadsafe(woken.set)

    with hub.listen(run_id, after, wake) as box:
        behind = True
        while True:
            if behind:
                page = await loop.run_in_executor(_readers, _read_page, run_id, box.position)
                for event in page.events:
                    box.position = event.seq
                    yield event
                if page.ended:
                    return
                behind = bool(page.events)
                continue
            try:
                async with asyncio.timeout(heartbeat_seconds):
                    await woken.wait()
            except TimeoutError:
                yield None
                continue
            woken.clear()
            events, behind = box.take()
            for event in events:
                yield event
                if event.is_final:
                    return


def encode_sse(event: Event) -> bytes:
    data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.seq}\nevent: {event.type}\ndata: {data}\n\n".encode()


async def stream_sse(run_id: UUID, after: int, heartbeat_seconds: float) -> AsyncIterator[bytes]:
    yield f"retry: {SSE_RETRY_MILLISECONDS}\n\n".encode()
    async for event in _follow(run_id, after, heartbeat_seconds):
        yield b": heartbeat\n\n" if event is None else encode_sse(event)
