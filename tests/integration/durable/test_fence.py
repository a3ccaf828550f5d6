"""The database refuses an old fence, whoever writes and however."""

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction

from tests.integration.durable.conftest import Work
from webapp.durable import api
from webapp.durable.errors import LeaseLost
from webapp.durable.types import LeaseGrant

pytestmark = pytest.mark.django_db

INSERT = "INSERT INTO fenced (lease_kind, lease_subject, fence) VALUES (%s, %s, %s)"


@pytest.fixture
def table(db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE fenced (lease_kind text, lease_subject uuid, fence bigint);"
            "CREATE TRIGGER fence BEFORE INSERT OR UPDATE ON fenced"
            " FOR EACH ROW EXECUTE FUNCTION durable_refuse_old_fence()"
        )
        yield
        cursor.execute("DROP TABLE fenced")


@pytest.fixture
def old(work: Work) -> LeaseGrant:
    grant = api.acquire(kind=work.kind, subject_id=work.enqueue())
    assert grant
    return grant


def write(grant: LeaseGrant, fence: int | None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT, [grant.kind, grant.subject_id, fence])


def test_current_fence_and_no_fence_are_written(table: None, old: LeaseGrant) -> None:
    write(old, old.fence)
    write(old, None)


def test_fence_of_a_superseded_owner_is_refused(table: None, work: Work, old: LeaseGrant) -> None:
    work.let_expire(old.subject_id)
    new = api.acquire(kind=work.kind, subject_id=old.subject_id)
    assert new
    with pytest.raises(DatabaseError, match="old fencing token"):
        write(old, old.fence)
    write(new, new.fence)
    with pytest.raises(DatabaseError, match="old fencing token"):
        write(new, new.fence + 1)


def test_fence_of_handed_back_or_finished_work_is_refused(table: None, work: Work, old: LeaseGrant) -> None:
    api.retry(old, delay_seconds=0, error="")
    with pytest.raises(DatabaseError, match="old fencing token"):
        write(old, old.fence)
    new = api.acquire(kind=work.kind, subject_id=old.subject_id)
    assert new
    api.finish(new)
    with pytest.raises(DatabaseError, match="old fencing token"):
        write(new, new.fence)


def test_fenced_writes_turn_the_refusal_into_lease_lost(table: None, work: Work, old: LeaseGrant) -> None:
    api.forget(kind=work.kind, subject_id=old.subject_id)
    with pytest.raises(LeaseLost), api.fenced_writes(old):
        write(old, old.fence)
    with pytest.raises(DatabaseError, match="no_such_table"), api.fenced_writes(old), transaction.atomic():
        connection.cursor().execute("SELECT 1 FROM no_such_table")
