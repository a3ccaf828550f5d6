"""The life of a lease: enqueue, acquire, extend, check, finish, retry, bury, forget.

Every statement compares with ``clock_timestamp()``: no process's own clock decides who owns what.
"""

import os
import socket
from typing import TypeAlias
from uuid import UUID, uuid4

from django.db import connection, transaction

from webapp.durable.errors import LeaseLost
from webapp.durable.registry import Kind, get_kind
from webapp.durable.types import LeaseGrant
from webapp.durable.wakeups import wake_on_commit

HELD = "kind = %s AND subject_id = %s AND fence = %s AND state = 'leased'"

ENQUEUE = """
INSERT INTO durable_lease (kind, subject_id, state, owner, fence, attempt, attempts, woken_at, last_error)
VALUES (%s, %s, 'queued', '', 0, 0, 0, clock_timestamp(), '')
ON CONFLICT (kind, subject_id) DO UPDATE SET state = 'queued', owner = '', attempts = 0, expires_at = NULL,
    available_at = clock_timestamp(), woken_at = clock_timestamp(), last_error = ''
WHERE durable_lease.state IN ('done', 'dead')
RETURNING id
"""

ACQUIRE = """
UPDATE durable_lease SET state = 'leased', owner = %s, fence = nextval('durable_fence'), attempt = attempt + 1,
    attempts = attempts + 1, expires_at = clock_timestamp() + make_interval(secs => %s), woken_at = NULL
WHERE kind = %s AND subject_id = %s AND attempts < %s AND (
    (state = 'queued' AND (%s OR available_at <= clock_timestamp()))
    OR (state = 'leased' AND expires_at <= clock_timestamp()))
RETURNING fence, attempt
"""

EXTEND = f"""
UPDATE durable_lease SET expires_at = clock_timestamp() + make_interval(secs => %s) WHERE {HELD} RETURNING id
"""  # noqa: S608 - a constant

CHECK = f"SELECT id FROM durable_lease WHERE {HELD} FOR SHARE"  # noqa: S608 - a constant

FINISH = f"UPDATE durable_lease SET state = 'done', expires_at = NULL WHERE {HELD} RETURNING id"  # noqa: S608 - a constant

REQUEUE = f"""
UPDATE durable_lease SET state = 'queued', owner = '', expires_at = NULL, last_error = %s, attempts = attempts - %s,
    available_at = clock_timestamp() + make_interval(secs => %s), woken_at = CASE WHEN %s THEN clock_timestamp() END
WHERE {HELD} AND attempts - %s < %s RETURNING id
"""  # noqa: S608 - a constant

BURY = f"""
UPDATE durable_lease SET state = 'dead', owner = '', expires_at = NULL, last_error = %s WHERE {HELD} RETURNING id
"""  # noqa: S608 - a constant

ERROR_CHARACTERS = 2000

Parameter: TypeAlias = str | int | float | UUID


def _returns_row(statement: str, parameters: list[Parameter]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone() is not None


def _held(grant: LeaseGrant) -> list[Parameter]:
    return [grant.kind, grant.subject_id, grant.fence]


def _cut(error: str) -> str:
    return error.replace("\x00", "\ufffd")[:ERROR_CHARACTERS]


def _lost(grant: LeaseGrant) -> LeaseLost:
    return LeaseLost(grant.kind, grant.subject_id)


def enqueue(kind: Kind, subject_id: UUID) -> None:
    """Queue the subject in the caller's transaction; nothing changes when it is queued or being worked on already."""
    with transaction.atomic():
        if _returns_row(ENQUEUE, [kind.name, subject_id]):
            wake_on_commit(kind, subject_id)


def acquire(kind: Kind, subject_id: UUID, *, early: bool = False) -> LeaseGrant | None:
    """Become the owner if the subject waits or its owner's lease ran out; ``None`` when there is nothing to own.
    ``early``: also when its pause has not passed yet."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute(ACQUIRE, [owner, kind.lease_seconds, kind.name, subject_id, kind.max_attempts, early])
        row = cursor.fetchone()
    return LeaseGrant(kind.name, subject_id, owner, fence=row[0], attempt=row[1]) if row else None


def extend(grant: LeaseGrant) -> bool:
    """Move the expiry; false when the lease is somebody else's by now."""
    return _returns_row(EXTEND, [get_kind(grant.kind).lease_seconds, *_held(grant)])


def check(grant: LeaseGrant) -> None:
    """Keep the lease from changing hands until the transaction ends, or raise LeaseLost."""
    if not _returns_row(CHECK, _held(grant)):
        raise _lost(grant)


def finish(grant: LeaseGrant) -> None:
    if not _returns_row(FINISH, _held(grant)):
        raise _lost(grant)


def retry(grant: LeaseGrant, delay_seconds: float, error: str, count_attempt: bool) -> bool:
    """Hand the lease back for another attempt; bury it and return false when there has been the last one."""
    kind = get_kind(grant.kind)
    uncounted = 0 if count_attempt else 1
    at_once = delay_seconds <= 0
    parameters: list[Parameter] = [
        _cut(error),
        uncounted,
        max(delay_seconds, 0),
        at_once,
        *_held(grant),
        uncounted,
        kind.max_attempts,
    ]
    with transaction.atomic():
        if _returns_row(REQUEUE, parameters):
            if at_once:
                wake_on_commit(kind, grant.subject_id)
            return True
        bury(grant, error)
        return False


def bury(grant: LeaseGrant, error: str) -> None:
    """Give the work up for good and tell the room it belongs to, in one transaction."""
    kind = get_kind(grant.kind)
    with transaction.atomic():
        if not _returns_row(BURY, [_cut(error), *_held(grant)]):
            raise _lost(grant)
        if kind.on_dead is not None:
            kind.on_dead(grant.subject_id, error)


def forget(kind: Kind, subject_id: UUID) -> None:
    """Remove the lease: whoever holds it loses it."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM durable_lease WHERE kind = %s AND subject_id = %s", [kind.name, subject_id])
