"""The log has no gaps, takes nothing from an old owner, and goes with its transaction."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from webapp.durable import api as durable
from webapp.durable.errors import LeaseLost
from webapp.durable.models import Lease
from webapp.durable.types import LeaseGrant
from webapp.streaming import api
from webapp.streaming.errors import EventRefused, LogClosed
from webapp.streaming.models import RunEvent, RunLog

pytestmark = pytest.mark.django_db

RAW = """
INSERT INTO streaming_runevent (run_id, seq, attempt, fence, type, data, schema_version)
VALUES (%s, %s, 1, %s, 'token', '{}', 1)
"""


def take_over(old: LeaseGrant) -> LeaseGrant:
    Lease.objects.filter(subject_id=old.subject_id).update(expires_at=Now() - timedelta(seconds=1))
    new = durable.acquire(kind=old.kind, subject_id=old.subject_id)
    assert new
    return new


def test_events_are_numbered_from_one(run_id: UUID) -> None:
    first = api.append(run_id=run_id, type="run_queued", data={})
    second = api.append(run_id=run_id, type="token", data={"text": "a\x00b"}, attempt=2)
    assert (first.seq, second.seq) == (1, 2)
    assert api.read(run_id=run_id) == [first, second]
    assert api.read(run_id=run_id, after=1) == [second]
    assert api.read(run_id=run_id, limit=1) == [first]
    assert (second.data, second.attempt) == ({"text": "a\ufffdb"}, 2)


def test_append_under_a_grant_carries_its_attempt_and_fence(grant: LeaseGrant) -> None:
    event = api.append(run_id=grant.subject_id, type="token", data={}, grant=grant)
    assert event.attempt == grant.attempt
    assert RunEvent.objects.get(run_id=grant.subject_id).fence == grant.fence


def test_append_by_a_superseded_owner_is_refused(grant: LeaseGrant) -> None:
    new = take_over(grant)
    with pytest.raises(LeaseLost):
        api.append(run_id=grant.subject_id, type="token", data={}, grant=grant)
    assert api.append(run_id=grant.subject_id, type="token", data={}, grant=new).seq == 1


def test_database_refuses_an_old_fence_written_past_the_api(grant: LeaseGrant) -> None:
    with connection.cursor() as cursor:
        cursor.execute(RAW, [grant.subject_id, 1, grant.fence])
        new = take_over(grant)
        with pytest.raises(DatabaseError, match="old fencing token"), transaction.atomic():
            cursor.execute(RAW, [grant.subject_id, 2, grant.fence])
        cursor.execute(RAW, [grant.subject_id, 2, new.fence])
        with pytest.raises(DatabaseError, match="old fencing token"), transaction.atomic():
            cursor.execute("UPDATE streaming_runevent SET data = '{}' WHERE fence = %s", [grant.fence])


def test_grant_of_other_work_is_refused(grant: LeaseGrant, run_id: UUID) -> None:
    with pytest.raises(EventRefused, match="is not one on run"):
        api.append(run_id=run_id, type="token", data={}, grant=grant)


@pytest.mark.parametrize("name", ["", "Token", "token text", "a" * 65, "token\n"])
def test_odd_type_is_refused(run_id: UUID, name: str) -> None:
    with pytest.raises(EventRefused, match="no event type"):
        api.append(run_id=run_id, type=name, data={})


@pytest.mark.parametrize("final", ["run_finished", "run_failed", "run_cancelled"])
def test_nothing_follows_a_final_event(run_id: UUID, final: str) -> None:
    api.append(run_id=run_id, type=final, data={})
    with pytest.raises(LogClosed):
        api.append(run_id=run_id, type="token", data={})
    assert [event.type for event in api.read(run_id=run_id)] == [final]


def test_rolled_back_event_leaves_no_gap(run_id: UUID) -> None:
    api.append(run_id=run_id, type="run_queued", data={})
    with transaction.atomic():
        api.append(run_id=run_id, type="token", data={})
        transaction.set_rollback(True)
    assert api.append(run_id=run_id, type="token", data={}).seq == 2


def test_delete_leaves_nothing(run_id: UUID) -> None:
    other_id = uuid4()
    api.append(run_id=run_id, type="token", data={})
    api.append(run_id=other_id, type="token", data={})
    api.delete(run_id=run_id)
    assert not RunEvent.objects.filter(run_id=run_id).exists()
    assert not RunLog.objects.filter(run_id=run_id).exists()
    assert len(api.read(run_id=other_id)) == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_leave_no_gap(run_id: UUID) -> None:
    barrier = Barrier(8)

    def write(writer: int) -> list[int]:
        barrier.wait(10)
        try:
            return [api.append(run_id=run_id, type="token", data={"by": writer}).seq for _ in range(25)]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        written = list(threads.map(write, range(8)))
    assert sorted(seq for numbers in written for seq in numbers) == list(range(1, 201))
    assert all(numbers == sorted(numbers) for numbers in written)
    assert [event.seq for event in api.read(run_id=run_id)] == list(range(1, 201))


@pytest.mark.django_db(transaction=True)
def test_writing_and_burying_at_once_do_not_deadlock(run_kind: None) -> None:
    """Both need the lease and the head of the log; they take them in the same order."""
    durable.register(kind="run", task_name="test.run", max_attempts=3, on_dead=lambda subject_id, _: fail(subject_id))

    def fail(subject_id: UUID) -> None:
        api.append(run_id=subject_id, type="run_failed", data={})

    def write(grant: LeaseGrant) -> None:
        try:
            while True:
                api.append(run_id=grant.subject_id, type="token", data={}, grant=grant)
        except LeaseLost:
            pass
        finally:
            connection.close()

    for _ in range(10):
        subject_id = uuid4()
        durable.enqueue(kind="run", subject_id=subject_id)
        grant = durable.acquire(kind="run", subject_id=subject_id)
        assert grant
        with ThreadPoolExecutor(1) as thread:
            writing = thread.submit(write, grant)
            durable.bury(grant, error="withdrawn")
            writing.result()
        assert api.read(run_id=subject_id)[-1].type == "run_failed"
