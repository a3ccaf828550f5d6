"""Find work that nobody does: queued and overdue, or leased by somebody who stopped extending. Wake a worker for it."""

import logging
from uuid import UUID

from django.db import connection, transaction

from webapp.durable.registry import Kind, list_kinds
from webapp.durable.wakeups import WAKE_UP_SECONDS, wake

log = logging.getLogger(__name__)

BATCH = 200

OVERDUE = """((state = 'queued' AND available_at <= clock_timestamp())
    OR (state = 'leased' AND expires_at <= clock_timestamp()))"""

MARK = f"""
WITH overdue AS (
    SELECT id FROM durable_lease
    WHERE {OVERDUE} AND kind = %s AND attempts < %s
      AND (woken_at IS NULL OR woken_at <= clock_timestamp() - make_interval(secs => %s))
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
UPDATE durable_lease SET woken_at = clock_timestamp() FROM overdue WHERE durable_lease.id = overdue.id
RETURNING durable_lease.subject_id
"""  # noqa: S608 - constants

BURY_NEXT = f"""
UPDATE durable_lease SET state = 'dead', owner = '', expires_at = NULL,
    last_error = coalesce(nullif(last_error, ''), %s)
WHERE id = (SELECT id FROM durable_lease WHERE {OVERDUE} AND kind = %s AND attempts >= %s AND id > %s
            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, subject_id, last_error
"""  # noqa: S608 - constants

STOPPED = "The worker stopped before it finished, as often as is allowed."


def _mark(kind: Kind) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(MARK, [kind.name, kind.max_attempts, WAKE_UP_SECONDS, BATCH])
        return [row[0] for row in cursor.fetchall()]


def _bury_next(kind: Kind, after_id: int) -> int | None:
    """Give up the next work without attempts left and tell its room, in one transaction; the lease's id, if there is
    one. When the room cannot be told, nothing has changed and the next sweep tries again."""
    lease_id: int | None = None
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(BURY_NEXT, [STOPPED, kind.name, kind.max_attempts, after_id])
            if row := cursor.fetchone():
                lease_id, subject_id, error = row
                if kind.on_dead is not None:
                    kind.on_dead(subject_id, error)
    except Exception:
        if lease_id is None:
            raise
        log.exception("Giving up %s %s failed; the next sweep tries again.", kind.name, subject_id)
    return lease_id


def _bury_exhausted(kind: Kind) -> None:
    lease_id: int | None = 0
    while lease_id is not None:
        lease_id = _bury_next(kind, lease_id)


def sweep() -> int:
    """Wake workers for everything overdue; returns how many wake-ups were sent. Two sweepers at once do not double."""
    found: list[tuple[Kind, UUID]] = []
    for kind in list_kinds():
        _bury_exhausted(kind)
        found += [(kind, subject_id) for subject_id in _mark(kind)]
    return wake(found)
