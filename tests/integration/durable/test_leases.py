"""One owner at a time, decided by the database."""

from uuid import uuid4

import pytest

from webapp.durable import api

KIND = "test-lease"


@pytest.fixture(autouse=True)
def kind() -> None:
    api.register(kind=KIND, task_name="test.lease", max_attempts=3, lease_seconds=30)


@pytest.mark.django_db
def test_acquire_gives_a_queued_subject_to_one_owner() -> None:
    subject_id = uuid4()
    api.enqueue(kind=KIND, subject_id=subject_id)
    grant = api.acquire(kind=KIND, subject_id=subject_id)
    assert grant is not None
    assert grant.attempt == 1
    assert api.acquire(kind=KIND, subject_id=subject_id) is None
