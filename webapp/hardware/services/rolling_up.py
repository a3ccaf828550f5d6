"""Hours out of samples, and the end of what is too old."""

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from webapp.hardware import partitions
from webapp.hardware.models import Host
from webapp.hardware.statements import KINDS, Kind, roll_up

STATEMENT_TIMEOUT = "60s"


def maintain() -> None:
    """Roll up first, drop then: a sample never goes before its hour is written. Safe to repeat at any time."""
    now = timezone.now()
    partitions.ensure_partitions(now)
    for kind in KINDS:
        _roll_up(kind)
    partitions.drop_old(now)
    # A host that nobody asks any more goes when the last that is known about it has gone.
    Host.objects.filter(active=False, engine_rollups=None, gpus__rollups=None).delete()


def _roll_up(kind: Kind) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
        cursor.execute(roll_up(kind), {"since": _first_open_hour(kind)})


def _first_open_hour(kind: Kind) -> datetime:
    """The newest hour that is written, for it may have grown since, and the one before: a clock may lag a little."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(hour) FROM {kind.rollups}")  # noqa: S608 - a constant
        (newest,) = cursor.fetchone() or (None,)
    return datetime(1970, 1, 1, tzinfo=UTC) if newest is None else newest - timedelta(hours=1)
