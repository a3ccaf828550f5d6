"""Followers see every event once and in order, whenever they come and whatever becomes of Redis."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connection

from tests.integration.streaming.redis_process import RedisProcess
from webapp.streaming import api
from webapp.streaming.log import Page, read_page
from webapp.streaming.redis import client
from webapp.streaming.types import Event

pytestmark = pytest.mark.django_db(transaction=True)


def collect(run_id: UUID, after: int = 0) -> list[int]:
    """The numbers of all events that a follower gets until the log ends."""
    try:
        return [event.seq for event in api.follow(run_id=run_id, after=after) if event is not None]
    finally:
        connection.close()


def append_many(run_id: UUID, count: int) -> None:
    try:
        for number in range(count):
            api.append(run_id=run_id, type="token", data={"text": str(number)})
    finally:
        connection.close()


def next_event(events: Iterator[Event | None]) -> Event:
    """The next event, past heartbeats."""
    return next(event for event in events if event is not None)


def follow_idly(run_id: UUID) -> Iterator[Event | None]:
    """A follower that has the log's only event and waits for more."""
    append_many(run_id, 1)
    events = api.follow(run_id=run_id, heartbeat_seconds=0.2)
    assert next_event(events).seq == 1
    assert next(events) is None
    return events


@pytest.mark.parametrize("seed", range(3))
def test_followers_racing_with_writers_lose_and_double_nothing(
    run_id: UUID, own_redis: RedisProcess, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - only to vary when followers come
    followers: list[tuple[int, Future[list[int]]]] = []
    append_many(run_id, 20)
    with ThreadPoolExecutor(12) as threads:
        writers = [threads.submit(append_many, run_id, 60) for _ in range(3)]
        for _ in range(8):
            after = chance.choice([0, 0, 1, 20])
            followers.append((after, threads.submit(collect, run_id, after)))
            threading.Event().wait(chance.random() / 10)
        for writer in writers:
            writer.result()
        last = api.append(run_id=run_id, type="run_finished", data={}).seq
        assert last == 201
        for after, follower in followers:
            assert follower.result(60) == list(range(after + 1, last + 1))


def test_follow_survives_the_death_of_redis(run_id: UUID, own_redis: RedisProcess) -> None:
    with ThreadPoolExecutor(1) as threads:
        events = follow_idly(run_id)
        follower = threads.submit(collect, run_id)
        own_redis.kill()
        append_many(run_id, 20)
        assert [next_event(events).seq for _ in range(20)] == list(range(2, 22))
        own_redis.start()
        append_many(run_id, 20)
        assert [next_event(events).seq for _ in range(20)] == list(range(22, 42))
        api.append(run_id=run_id, type="run_finished", data={})
        assert follower.result(60) == list(range(1, 43))
        assert [event.seq for event in events if event] == [42]


def test_follow_listens_to_redis_again_when_it_is_back(run_id: UUID, own_redis: RedisProcess) -> None:
    events = follow_idly(run_id)
    own_redis.kill()
    append_many(run_id, 1)
    assert next_event(events).seq == 2
    own_redis.start()
    for _ in range(200):
        if client().pubsub_numpat():
            break
        threading.Event().wait(0.1)
    assert client().pubsub_numpat() == 1
    append_many(run_id, 1)
    assert next_event(events).seq == 3


def test_outage_is_logged_once_and_fails_no_writer(
    run_id: UUID, own_redis: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    own_redis.kill()
    append_many(run_id, 50)
    assert len([record for record in caplog.records if record.name == "webapp.streaming.publish"]) == 1
    assert len(api.read(run_id=run_id)) == 50


def test_redis_that_hangs_delays_writers_a_bounded_time(run_id: UUID, own_redis: RedisProcess) -> None:
    own_redis.freeze()
    try:
        append_many(run_id, 5)
    finally:
        own_redis.thaw()
    assert len(api.read(run_id=run_id)) == 5


def test_follow_beats_while_nothing_comes(run_id: UUID, own_redis: RedisProcess) -> None:
    append_many(run_id, 1)
    events = api.follow(run_id=run_id, after=1, heartbeat_seconds=0.05)
    assert [next(events) for _ in range(3)] == [None, None, None]
    append_many(run_id, 1)
    assert next_event(events).seq == 2


def test_follow_of_an_ended_log_ends(run_id: UUID, own_redis: RedisProcess) -> None:
    api.append(run_id=run_id, type="token", data={})
    api.append(run_id=run_id, type="run_failed", data={})
    assert collect(run_id) == [1, 2]
    assert collect(run_id, after=2) == []


def test_follow_ends_when_the_log_is_deleted(run_id: UUID, own_redis: RedisProcess) -> None:
    events = follow_idly(run_id)
    api.delete(run_id=run_id)
    assert [event for event in events if event] == []


def test_follow_of_a_log_that_is_not_there_ends(run_id: UUID, own_redis: RedisProcess) -> None:
    assert list(api.follow(run_id=run_id, heartbeat_seconds=0.05)) == []


def test_long_log_is_read_in_pages(run_id: UUID, own_redis: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def read_small(run_id: UUID, after: int) -> Page:
        page = read_page(run_id, after, limit=10)
        sizes.append(len(page.events))
        return page

    monkeypatch.setattr("webapp.streaming.follow.read_page", read_small)
    append_many(run_id, 34)
    api.append(run_id=run_id, type="run_finished", data={})
    assert collect(run_id) == list(range(1, 36))
    assert sizes == [10, 10, 10, 5]
