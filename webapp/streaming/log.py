"""Append to a run's log and read it. The head row is locked until the writer commits, so numbers have no gaps and
whoever sees an event sees all before it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from webapp.durable import api as durable
from webapp.durable.types import LeaseGrant
from webapp.streaming.errors import EventRefused, LogClosed
from webapp.streaming.models import RunEvent, RunLog
from webapp.streaming.payload import encode_data
from webapp.streaming.publish import publisher
from webapp.streaming.types import FINAL_TYPES, Event

SCHEMA_VERSION = 1
TYPE = re.compile(r"[a-z][a-z_]{0,63}")

# The kind of lease under which a run's events are written; the trigger on the table names it too.
RUN_LEASE = "run"

APPEND = """
WITH head AS (
    INSERT INTO streaming_runlog (run_id, last_seq, final_seq)
    VALUES (%(run_id)s, 1, CASE WHEN %(final)s THEN 1 END)
    ON CONFLICT (run_id) DO UPDATE SET last_seq = streaming_runlog.last_seq + 1,
        final_seq = CASE WHEN %(final)s THEN streaming_runlog.last_seq + 1 END
    WHERE streaming_runlog.final_seq IS NULL
    RETURNING last_seq)
INSERT INTO streaming_runevent (run_id, seq, attempt, fence, type, data, schema_version, created_at)
SELECT %(run_id)s, last_seq, %(attempt)s, %(fence)s, %(type)s, %(data)s::jsonb, %(version)s, clock_timestamp() FROM head
RETURNING seq, created_at
"""


@dataclass(frozen=True)
class Page:
    """Some events in order. ``ended``: there are no more and will be none."""

    events: list[Event]
    ended: bool


def append(run_id: UUID, type_: str, data: Mapping[str, Any], grant: LeaseGrant | None, attempt: int) -> Event:
    if not TYPE.fullmatch(type_):
        raise EventRefused(f"{type_!r} is no event type: use lower-case words joined by underscores.")
    if grant is not None and (grant.kind, grant.subject_id) != (RUN_LEASE, run_id):
        raise EventRefused(f"The lease on {grant.kind} {grant.subject_id} is not one on run {run_id}.")
    text = encode_data(data)
    number = grant.attempt if grant is not None else attempt
    with transaction.atomic():
        if grant is not None:
            durable.check(grant)  # before the head row, as whoever buries a run does: no deadlock
        with connection.cursor() as cursor:
            cursor.execute(
                APPEND,
                {
                    "run_id": run_id,
                    "final": type_ in FINAL_TYPES,
                    "attempt": number,
                    "fence": grant.fence if grant is not None else None,
                    "type": type_,
                    "data": text,
                    "version": SCHEMA_VERSION,
                },
            )
            row = cursor.fetchone()
        if row is None:
            raise LogClosed(run_id)
        event = Event(run_id, row[0], number, type_, json.loads(text), row[1])
        transaction.on_commit(lambda: publisher.publish(event), robust=True)
    return event


def read(run_id: UUID, after: int, limit: int) -> list[Event]:
    rows = RunEvent.objects.filter(run_id=run_id, seq__gt=after).order_by("seq")[:limit]
    return [Event(row.run_id, row.seq, row.attempt, row.type, row.data, row.created_at) for row in rows]


def read_page(run_id: UUID, after: int, limit: int = 500) -> Page:
    """The events after one, and whether the log ends with them: it has its final event, or there is no log."""
    head = RunLog.objects.filter(run_id=run_id).first()
    if head is None:
        return Page([], ended=True)
    events = read(run_id, after, limit)
    last = events[-1].seq if events else after
    return Page(events, ended=head.final_seq is not None and last >= head.final_seq)


def delete(run_id: UUID) -> None:
    with transaction.atomic():
        RunLog.objects.filter(run_id=run_id).delete()
        RunEvent.objects.filter(run_id=run_id).delete()
        transaction.on_commit(lambda: publisher.publish_gone(run_id), robust=True)
