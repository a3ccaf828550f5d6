"""One owner at a time, decided by the database."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection, transaction

from tests.integration.durable.conftest import Work
from webapp.durable import api
from webapp.durable.errors import LeaseLost, UnknownKind
from webapp.durable.types import LeaseGrant

pytestmark = pytest.mark.django_db


def test_acquire_gives_a_queued_subject_to_one_owner(work: Work) -> None:
    subject_id = work.enqueue()
    grant = api.acquire(kind=work.kind, subject_id=subject_id)
    assert grant is not None
    assert (grant.kind, grant.subject_id, grant.attempt) == (work.kind, subject_id, 1)
    assert api.acquire(kind=work.kind, subject_id=subject_id) is None


def test_pausing_work_is_taken_before_its_time_only_when_asked_for(work: Work) -> None:
    subject_id = work.enqueue()
    first = api.acquire(kind=work.kind, subject_id=subject_id)
    assert first
    assert api.acquire(kind=work.kind, subject_id=subject_id, early=True) is None  # somebody works on it
    api.retry(first, delay_seconds=60, error="away")
    assert api.acquire(kind=work.kind, subject_id=subject_id) is None
    taken = api.acquire(kind=work.kind, subject_id=subject_id, early=True)
    assert taken
    assert taken.fence > first.fence


@pytest.mark.django_db(transaction=True)
def test_acquire_has_exactly_one_winner_among_many(work: Work) -> None:
    subjects = [work.enqueue() for _ in range(20)]

    def acquire_all(_: int) -> list[LeaseGrant]:
        try:
            grants = [api.acquire(kind=work.kind, subject_id=subject_id) for subject_id in subjects]
        finally:
            connection.close()
        return [grant for grant in grants if grant is not None]

    with ThreadPoolExecutor(8) as threads:
        grants = [grant for found in threads.map(acquire_all, range(8)) for grant in found]
    assert sorted(grant.subject_id for grant in grants) == sorted(subjects)
    assert len({grant.fence for grant in grants}) == len(subjects)


def test_expired_lease_is_taken_over_with_a_higher_fence(work: Work) -> None:
    subject_id = work.enqueue()
    old = api.acquire(kind=work.kind, subject_id=subject_id)
    assert old
    work.let_expire(subject_id)
    new = api.acquire(kind=work.kind, subject_id=subject_id)
    assert new
    assert new.fence > old.fence
    assert new.attempt == 2
    for late in (
        lambda: api.check(old),
        lambda: api.finish(old),
        lambda: api.retry(old, delay_seconds=0, error=""),
        lambda: api.bury(old, error=""),
    ):
        with pytest.raises(LeaseLost):
            late()
    api.finish(new)


def test_fence_grows_when_the_subject_is_forgotten_and_enqueued_again(work: Work) -> None:
    subject_id = work.enqueue()
    old = api.acquire(kind=work.kind, subject_id=subject_id)
    assert old
    api.forget(kind=work.kind, subject_id=subject_id)
    with pytest.raises(LeaseLost):
        api.check(old)
    api.enqueue(kind=work.kind, subject_id=subject_id)
    new = api.acquire(kind=work.kind, subject_id=subject_id)
    assert new
    assert new.fence > old.fence


def test_enqueue_of_queued_or_leased_work_changes_nothing(work: Work) -> None:
    subject_id = work.enqueue()
    queued = work.get_lease(subject_id)
    api.enqueue(kind=work.kind, subject_id=subject_id)
    assert work.get_lease(subject_id).available_at == queued.available_at
    grant = api.acquire(kind=work.kind, subject_id=subject_id)
    assert grant
    api.enqueue(kind=work.kind, subject_id=subject_id)
    api.check(grant)


def test_enqueue_of_finished_work_starts_it_again(work: Work) -> None:
    work.register(max_attempts=1)
    subject_id = work.enqueue()
    first = api.acquire(kind=work.kind, subject_id=subject_id)
    assert first
    api.finish(first)
    assert api.acquire(kind=work.kind, subject_id=subject_id) is None
    api.enqueue(kind=work.kind, subject_id=subject_id)
    second = api.acquire(kind=work.kind, subject_id=subject_id)
    assert second
    assert second.attempt == 2


@pytest.mark.django_db(transaction=True)
def test_enqueue_goes_with_the_transaction(work: Work) -> None:
    subject_id = uuid4()
    with transaction.atomic():
        api.enqueue(kind=work.kind, subject_id=subject_id)
        transaction.set_rollback(True)
    assert api.acquire(kind=work.kind, subject_id=subject_id) is None


def test_retry_waits_for_its_delay(work: Work) -> None:
    subject_id = work.enqueue()
    grant = api.acquire(kind=work.kind, subject_id=subject_id)
    assert grant
    assert api.retry(grant, delay_seconds=600, error="engine away\x00")
    assert api.acquire(kind=work.kind, subject_id=subject_id) is None
    lease = work.get_lease(subject_id)
    assert (lease.state, lease.last_error) == ("queued", "engine away\ufffd")
    with pytest.raises(LeaseLost):
        api.check(grant)


def test_retry_gives_up_after_the_last_attempt(work: Work) -> None:
    subject_id = work.enqueue()
    outcomes = []
    for _ in range(3):
        grant = api.acquire(kind=work.kind, subject_id=subject_id)
        assert grant
        outcomes.append(api.retry(grant, delay_seconds=0, error="no luck"))
    assert outcomes == [True, True, False]
    assert work.get_lease(subject_id).state == "dead"
    assert work.dead == [(subject_id, "no luck")]
    assert api.acquire(kind=work.kind, subject_id=subject_id) is None


def test_retry_that_does_not_count_leaves_the_attempts_but_numbers_on(work: Work) -> None:
    work.register(max_attempts=1)
    subject_id = work.enqueue()
    numbers = []
    for _ in range(4):
        grant = api.acquire(kind=work.kind, subject_id=subject_id)
        assert grant
        numbers.append(grant.attempt)
        assert api.retry(grant, delay_seconds=0, error="draining", count_attempt=False)
    assert numbers == [1, 2, 3, 4]
    assert work.dead == []


def test_bury_is_undone_when_its_room_cannot_be_told(work: Work) -> None:
    def refuse(*_: object) -> None:
        raise ZeroDivisionError

    api.register(kind=work.kind, task_name="test", max_attempts=3, on_dead=refuse)
    subject_id = work.enqueue()
    grant = api.acquire(kind=work.kind, subject_id=subject_id)
    assert grant
    with pytest.raises(ZeroDivisionError):
        api.bury(grant, error="poison")
    api.check(grant)


@pytest.mark.django_db(transaction=True)
def test_check_keeps_others_out_until_the_transaction_ends(work: Work) -> None:
    subject_id = work.enqueue()
    old = api.acquire(kind=work.kind, subject_id=subject_id)
    assert old
    work.let_expire(subject_id)

    def take_over() -> LeaseGrant | None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '10s'")
                return api.acquire(kind=work.kind, subject_id=subject_id)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            api.check(old)
            taking = thread.submit(take_over)
            with connection.cursor() as cursor:
                # Until the other one waits for the lock: that it waits is what is to be shown.
                for _ in range(1000):
                    cursor.execute("SELECT count(*), pg_sleep(0.01) FROM pg_locks WHERE NOT granted")
                    row = cursor.fetchone()
                    if row and row[0]:
                        break
            assert not taking.done()
            api.check(old)
        assert taking.result() is not None
    with pytest.raises(LeaseLost):
        api.check(old)


def test_unregistered_kind_is_refused() -> None:
    with pytest.raises(UnknownKind, match="register"):
        api.enqueue(kind="nobody's", subject_id=uuid4())
