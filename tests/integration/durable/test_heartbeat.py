"""A held lease lives as long as its owner works, and its loss is noticed."""

from threading import Event

import pytest
from django.db import connection

from tests.integration.durable.conftest import Work
from webapp.durable import api
from webapp.durable.errors import LeaseLost

pytestmark = pytest.mark.django_db(transaction=True)

LEASE_SECONDS = 1.0


def test_hold_outlives_the_lease(work: Work) -> None:
    work.register(lease_seconds=LEASE_SECONDS)
    subject_id = work.enqueue()
    grant = api.acquire(kind=work.kind, subject_id=subject_id)
    assert grant
    first_expiry = work.get_lease(subject_id).expires_at
    with api.hold(grant) as held:
        Event().wait(LEASE_SECONDS * 2)
        assert api.acquire(kind=work.kind, subject_id=subject_id) is None
        assert held.grant_is_current()
        assert not held.lost
        api.finish(grant)
    last_expiry = work.get_lease(subject_id).expires_at
    assert first_expiry is not None
    assert last_expiry is None


def test_hold_notices_that_the_lease_was_taken_over(work: Work) -> None:
    work.register(lease_seconds=LEASE_SECONDS)
    subject_id = work.enqueue()
    grant = api.acquire(kind=work.kind, subject_id=subject_id)
    assert grant
    with api.hold(grant) as held:
        api.forget(kind=work.kind, subject_id=subject_id)
        for _ in range(100):
            if held.lost:
                break
            Event().wait(0.1)
        assert held.lost
        assert not held.grant_is_current()
        with pytest.raises(LeaseLost):
            held.raise_if_lost()


def test_silent_owner_is_succeeded(work: Work) -> None:
    work.register(lease_seconds=0.3)
    subject_id = work.enqueue()
    grant = api.acquire(kind=work.kind, subject_id=subject_id)
    assert grant
    successor = None
    for _ in range(100):
        successor = api.acquire(kind=work.kind, subject_id=subject_id)
        if successor:
            break
        Event().wait(0.05)
    assert successor is not None
    assert successor.fence > grant.fence


def test_hold_gives_up_when_no_heartbeat_arrives_for_a_whole_lease(work: Work) -> None:
    work.register(lease_seconds=0.5)
    grant = api.acquire(kind=work.kind, subject_id=work.enqueue())
    assert grant
    with connection.cursor() as cursor:
        try:
            with api.hold(grant) as held:
                cursor.execute("ALTER TABLE durable_lease RENAME TO durable_lease_away")
                for _ in range(100):
                    if held.lost:
                        break
                    Event().wait(0.1)
                assert held.lost
        finally:
            cursor.execute("ALTER TABLE durable_lease_away RENAME TO durable_lease")
