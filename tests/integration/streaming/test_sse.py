"""Server-sent events: the same log, off the event loop, at no cost while idle."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

from tests.integration.streaming.redis_process import RedisProcess
from webapp.streaming import api
from webapp.streaming.hub import Hub

pytestmark = pytest.mark.django_db(transaction=True)

IDLE = 200


async def off_loop(call: Callable[..., Any], **arguments: Any) -> Any:
    def run() -> Any:
        try:
            return call(**arguments)
        finally:
            connection.close()

    return await asyncio.to_thread(run)


async def append(run_id: UUID, kind: str = "token", **data: Any) -> None:
    await off_loop(api.append, run_id=run_id, type=kind, data=data)


async def collect(run_id: UUID, after: int = 0) -> list[bytes]:
    return [part async for part in api.sse(run_id=run_id, after=after)]


def read_ids(parts: list[bytes]) -> list[int]:
    return [int(number) for number in re.findall(rb"^id: (\d+)$", b"".join(parts), re.MULTILINE)]


async def test_sse_gives_id_event_and_data_and_ends(run_id: UUID, own_redis: RedisProcess) -> None:
    await append(run_id, text="£1\n")
    await append(run_id, "run_finished")
    assert await collect(run_id) == [
        b"retry: 1000\n\n",
        'id: 1\nevent: token\ndata: {"text":"£1\\n"}\n\n'.encode(),
        b"id: 2\nevent: run_finished\ndata: {}\n\n",
    ]
    assert read_ids(await collect(run_id, after=1)) == [2]
    assert read_ids(await collect(run_id, after=2)) == []


async def test_sse_racing_with_a_writer_loses_and_doubles_nothing(run_id: UUID, own_redis: RedisProcess) -> None:
    async def write() -> None:
        for number in range(150):
            await append(run_id, text=str(number))
        await append(run_id, "run_finished")

    async def come(number: int) -> list[int]:
        await asyncio.sleep(number / 20)
        return read_ids(await collect(run_id))

    await append(run_id, text="first")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        followers = [tasks.create_task(come(number)) for number in range(10)]
    assert all(follower.result() == list(range(1, 153)) for follower in followers)


async def test_sse_survives_the_death_of_redis(run_id: UUID, own_redis: RedisProcess) -> None:
    await append(run_id)
    follower = asyncio.create_task(collect(run_id))
    own_redis.kill()
    await append(run_id)
    own_redis.start()
    await append(run_id)
    await append(run_id, "run_cancelled")
    assert read_ids(await follower) == [1, 2, 3, 4]


async def test_sse_beats_while_nothing_comes(run_id: UUID, own_redis: RedisProcess) -> None:
    await append(run_id)
    async with aclosing(cast(Any, api.sse(run_id=run_id, after=1, heartbeat_seconds=0.05))) as parts:
        assert [await anext(parts) for _ in range(3)] == [b"retry: 1000\n\n", b": heartbeat\n\n", b": heartbeat\n\n"]


async def test_idle_streams_hold_no_connection(own_redis: RedisProcess, own_hub: Hub) -> None:
    runs = [uuid4() for _ in range(IDLE)]
    for run_id in runs:
        await append(run_id)
    idle = 0
    all_idle = asyncio.Event()

    async def wait_for_one(run_id: UUID) -> bytes:
        nonlocal idle
        stream: AsyncIterator[bytes] = api.sse(run_id=run_id, after=1, heartbeat_seconds=1)
        async with aclosing(cast(Any, stream)):
            async for part in stream:
                if part == b": heartbeat\n\n":
                    idle += 1
                    if idle >= IDLE:
                        all_idle.set()
                elif part.startswith(b"id:"):
                    return part
        raise AssertionError("the stream ended")

    def count_in_use() -> int:
        stats = cast(DatabaseWrapper, connection).pool.get_stats()
        return int(stats["pool_size"] - stats["pool_available"])

    followers = [asyncio.create_task(wait_for_one(run_id)) for run_id in runs]
    await asyncio.wait_for(all_idle.wait(), 60)
    # The one look at the heads of all logs may be under way.
    assert await off_loop(count_in_use) <= 1
    for run_id in runs:
        await append(run_id, "run_finished")
    assert all(b"run_finished" in part for part in await asyncio.gather(*followers))
    assert own_hub.count_followers() == 0


async def test_stream_that_is_cancelled_leaves_nothing_behind(
    run_id: UUID, own_redis: RedisProcess, own_hub: Hub
) -> None:
    await append(run_id)
    follower = asyncio.create_task(collect(run_id))
    await asyncio.sleep(0.1)
    follower.cancel()
    with pytest.raises(asyncio.CancelledError):
        await follower
    assert own_hub.count_followers() == 0
