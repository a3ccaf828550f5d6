"""Which partitions there have to be, and which are too old: a plan as a value, and its execution.

Samples have a partition for each day, rollups for each month; days and months are UTC's. A partition goes when the
whole of it is past its retention, so that a row stays for as long as promised and for less than one partition more.
"""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import OperationalError, connection, transaction

from appliance.topology import READING_ROLLUP_DAYS, READING_SAMPLE_DAYS

logger = logging.getLogger(__name__)
LOCK = 0x68617264  # "hard": one process at a time makes and drops partitions
LOCK_TIMEOUT = "3s"
DAYS_AHEAD = 2


@dataclass(frozen=True)
class PartitionedTable:
    """``by_month`` or, otherwise, by day; rows are kept for ``days``."""

    name: str
    days: int
    by_month: bool


@dataclass(frozen=True, order=True)
class Partition:
    """The rows of ``table`` from ``start`` (inclusive) to ``end`` (exclusive)."""

    table: str
    start: date
    end: date

    @property
    def name(self) -> str:
        return f"{self.table}_{self.start:%Y%m%d}"

    @property
    def create_sql(self) -> str:
        return (
            f'CREATE TABLE "{self.name}" PARTITION OF "{self.table}" '
            f"FOR VALUES FROM ('{self.start} 00:00:00+00') TO ('{self.end} 00:00:00+00')"
        )


@dataclass(frozen=True)
class Plan:
    """What to make, and the names of what to drop."""

    create: tuple[Partition, ...]
    drop: tuple[str, ...]


TABLES = (
    PartitionedTable("hardware_gpusample", READING_SAMPLE_DAYS, by_month=False),
    PartitionedTable("hardware_enginesample", READING_SAMPLE_DAYS, by_month=False),
    PartitionedTable("hardware_gpurollup", READING_ROLLUP_DAYS, by_month=True),
    PartitionedTable("hardware_enginerollup", READING_ROLLUP_DAYS, by_month=True),
)


def build_plan(existing: Collection[str], now: datetime, tables: Collection[PartitionedTable] = TABLES) -> Plan:
    """From the retention's beginning to two days ahead; a name that is not one of ours is left alone."""
    today = now.astimezone(UTC).date()
    create: list[Partition] = []
    drop: list[str] = []
    for table in tables:
        oldest = today - timedelta(days=table.days)
        wanted = [_partition(table, day) for day in _starts(table, oldest, today + timedelta(days=DAYS_AHEAD))]
        # The past is made only where rows may still come: a new hour's rollup, or a clock a little behind midnight.
        recent = today - timedelta(days=1)
        create += [each for each in wanted if each.name not in existing and each.end > recent]
        drop += [name for name in sorted(existing) if (start := _start_of(table, name)) and start < wanted[0].start]
    return Plan(tuple(create), tuple(drop))


def ensure_partitions(now: datetime) -> Plan:
    """Make what is missing; drops nothing. Costs one look into the catalogue when all is there."""
    return _carry_out(now, drop=False)


def drop_old(now: datetime) -> Plan:
    """Make what is missing and drop what is too old. A table in use for long is left for the next time."""
    return _carry_out(now, drop=True)


def _carry_out(now: datetime, *, drop: bool) -> Plan:
    plan = build_plan(list_partitions(), now)
    if not plan.create and not (drop and plan.drop):
        return Plan((), ())
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            plan = build_plan(list_partitions(), now)  # somebody else may have been here before
            for partition in plan.create:
                cursor.execute(partition.create_sql)
            for name in plan.drop if drop else ():
                cursor.execute(f'DROP TABLE "{name}"')
    except OperationalError as error:
        logger.warning("Partitions of readings are left for the next time: %s", error)
        return Plan((), ())
    return plan if drop else Plan(plan.create, ())


def list_partitions() -> frozenset[str]:
    """The names of those that exist."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
            "JOIN pg_class parent ON parent.oid = inhparent WHERE parent.relname = ANY(%s) "
            "AND parent.relkind = 'p'",
            [[table.name for table in TABLES]],
        )
        return frozenset(name for (name,) in cursor.fetchall())


def _starts(table: PartitionedTable, first: date, last: date) -> Iterator[date]:
    start = first.replace(day=1) if table.by_month else first
    while start <= last:
        yield start
        start = _next(table, start)


def _next(table: PartitionedTable, start: date) -> date:
    return (start + timedelta(days=32)).replace(day=1) if table.by_month else start + timedelta(days=1)


def _partition(table: PartitionedTable, start: date) -> Partition:
    return Partition(table.name, start, _next(table, start))


def _start_of(table: PartitionedTable, name: str) -> date | None:
    prefix, _, stamp = name.rpartition("_")
    if prefix != table.name or len(stamp) != 8 or not stamp.isdigit():
        return None
    return datetime.strptime(stamp, "%Y%m%d").replace(tzinfo=UTC).date()
