"""Hours out of samples, and the end of what is too old."""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from appliance.topology import READING_ROLLUP_DAYS
from webapp.hardware import partitions
from webapp.hardware.models import EngineEvent, Host
from webapp.hardware.statements import KINDS, Kind, roll_up

STATEMENT_TIMEOUT = "60s"
HOURS_AT_ONCE = timedelta(hours=6)


def maintain() -> None:
    """Roll up first, drop then: a sample never goes before its hour is written. Safe to repeat at any time."""
    now = timezone.now()
    partitions.ensure_partitions(now)
    for kind in KINDS:
        _roll_up(kind)
    partitions.drop_old(now)
    EngineEvent.objects.filter(at__lt=now - timedelta(days=READING_ROLLUP_DAYS)).delete()
    # A host that nobody asks any more goes when the last that is known about it has gone.
    Host.objects.filter(active=False, engines__rollups=None, gpus__rollups=None).delete()


def _roll_up(kind: Kind) -> None:
    """Some hours at a time, each for good: what was missed for days is made up for without one long statement."""
    since, newest = _first_open_hour(kind), _newest_sample(kind)
    while since is not None and newest is not None and since <= newest:
        until = since + HOURS_AT_ONCE
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
            cursor.execute(roll_up(kind), {"since": since, "until": until})
        since = until


def _first_open_hour(kind: Kind) -> datetime | None:
    """The newest hour that is written, for it may have grown since, and the one before: a clock may lag a little.

    Before anything is written, the hour of the first sample; None when there is none.
    """
    newest: datetime | None = _ask(f"SELECT max(hour) - interval '1 hour' FROM {kind.rollups}")  # noqa: S608 - constant
    return newest or _ask(f"SELECT date_bin('1 hour', min(taken_at), 'epoch') FROM {kind.samples}")  # noqa: S608 - same


def _newest_sample(kind: Kind) -> datetime | None:
    return _ask(f"SELECT max(taken_at) FROM {kind.samples}")  # noqa: S608 - a constant


def _ask(statement: str) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return row[0] if row else None
