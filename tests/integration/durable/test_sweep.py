"""Work is not forgotten when a wake-up, a worker or the broker is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection, transaction

from tests.integration.durable.conftest import Work
from tests.integration.streaming.redis_process import RedisProcess
from webapp.durable import api

pytestmark = pytest.mark.django_db(transaction=True)

Read = Callable[[], list[UUID]]


def test_enqueue_wakes_a_worker_when_it_commits(work: Work, read_wakeups: Read) -> None:
    with transaction.atomic():
        subject_id = work.enqueue()
        assert read_wakeups() == []
    assert read_wakeups() == [subject_id]


def test_sweep_leaves_alone_what_was_just_woken_or_is_being_worked_on(work: Work, read_wakeups: Read) -> None:
    work.enqueue()
    assert api.acquire(kind=work.kind, subject_id=work.enqueue())
    delayed = api.acquire(kind=work.kind, subject_id=work.enqueue())
    assert delayed
    api.retry(delayed, delay_seconds=600, error="")
    done = api.acquire(kind=work.kind, subject_id=work.enqueue())
    assert done
    api.finish(done)
    assert len(read_wakeups()) == 4
    assert api.sweep() == 0
    assert read_wakeups() == []


def test_sweep_wakes_for_an_expired_lease_once(work: Work, read_wakeups: Read) -> None:
    subject_id = work.enqueue()
    assert api.acquire(kind=work.kind, subject_id=subject_id)
    read_wakeups()
    work.let_expire(subject_id)
    assert api.sweep() == 1
    assert api.sweep() == 0
    assert read_wakeups() == [subject_id]


def test_sweep_wakes_again_when_the_wake_up_has_expired(work: Work, read_wakeups: Read) -> None:
    subject_id = work.enqueue()
    read_wakeups()
    work.let_wake_up_expire()
    assert api.sweep() == 1
    assert read_wakeups() == [subject_id]


def test_two_sweepers_do_not_double(work: Work, read_wakeups: Read) -> None:
    subjects = [work.enqueue() for _ in range(60)]
    read_wakeups()
    work.let_wake_up_expire()
    barrier = Barrier(4)

    def sweep(_: int) -> int:
        barrier.wait(10)
        try:
            return api.sweep()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(sweep, range(4)))
    assert sum(counts) == len(subjects)
    assert sorted(read_wakeups()) == sorted(subjects)


def test_sweep_passes_over_what_another_one_is_at(work: Work, read_wakeups: Read) -> None:
    work.enqueue()
    work.let_wake_up_expire()

    def sweep_without_waiting() -> int:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '1s'")
                return api.sweep()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread, transaction.atomic():
        assert api.sweep() == 1
        assert thread.submit(sweep_without_waiting).result() == 0


def test_sweep_gives_up_what_killed_every_worker(work: Work) -> None:
    subject_id = work.enqueue()
    for _ in range(3):
        assert api.acquire(kind=work.kind, subject_id=subject_id)
        work.let_expire(subject_id)
    assert api.acquire(kind=work.kind, subject_id=subject_id) is None
    api.sweep()
    assert [dead for dead, _ in work.dead] == [subject_id]
    assert "as often as is allowed" in work.dead[0][1]
    api.sweep()
    assert len(work.dead) == 1


def test_sweep_goes_on_past_work_whose_room_cannot_be_told(work: Work, caplog: pytest.LogCaptureFixture) -> None:
    told: list[UUID] = []

    def tell(subject_id: UUID, _: str) -> None:
        if subject_id == poison:
            raise ZeroDivisionError
        told.append(subject_id)

    api.register(kind=work.kind, task_name="test", max_attempts=1, on_dead=tell)
    poison, other = work.enqueue(), work.enqueue()
    for subject_id in (poison, other):
        assert api.acquire(kind=work.kind, subject_id=subject_id)
        work.let_expire(subject_id)
    api.sweep()
    assert told == [other]
    assert (work.get_lease(poison).state, work.get_lease(other).state) == ("leased", "dead")
    assert "ZeroDivisionError" in caplog.text


def test_broker_that_is_away_fails_nobody_and_the_sweep_catches_up(
    work: Work, broker: RedisProcess, read_wakeups: Read, caplog: pytest.LogCaptureFixture
) -> None:
    before = work.enqueue()
    assert read_wakeups() == [before]
    broker.kill()
    subjects = [work.enqueue() for _ in range(3)]
    assert api.sweep() == 0
    assert "broker is away" in caplog.text
    broker.start()
    assert api.sweep() == 3
    assert sorted(read_wakeups()) == sorted(subjects)


def test_broker_that_hangs_is_waited_for_a_bounded_time(
    work: Work, broker: RedisProcess, read_wakeups: Read, caplog: pytest.LogCaptureFixture
) -> None:
    work.enqueue()
    read_wakeups()
    broker.freeze()
    try:
        subject_id = work.enqueue()  # comes back at all: the test's own timeout is the measure
    finally:
        broker.thaw()
    assert "broker is away" in caplog.text
    assert work.get_lease(subject_id).woken_at is None
    assert api.sweep() == 1


def test_wake_up_goes_to_the_registered_queue(work: Work, read_wakeups: Read) -> None:
    api.register(kind=work.kind, task_name="test", max_attempts=1, queue="ingestion")
    work.enqueue()
    assert read_wakeups() == []
