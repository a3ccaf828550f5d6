"""Which partitions are made and dropped, as a plan."""

from datetime import UTC, date, datetime

from webapp.hardware.partitions import Partition, PartitionedTable, Plan, build_plan

DAILY = PartitionedTable("readings", 7, by_month=False)
MONTHLY = PartitionedTable("hours", 400, by_month=True)
NOW = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)


def test_plan_of_an_empty_database_starts_yesterday_and_ends_the_day_after_tomorrow() -> None:
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)]
    plan = build_plan([], NOW, [DAILY])
    assert [partition.start for partition in plan.create] == days
    assert plan.drop == ()


def test_plan_of_months_has_the_last_and_this_one() -> None:
    plan = build_plan([], NOW, [MONTHLY])
    assert plan.create == (
        Partition("hours", date(2026, 2, 1), date(2026, 3, 1)),
        Partition("hours", date(2026, 3, 1), date(2026, 4, 1)),
    )


def test_next_month_is_made_before_it_begins() -> None:
    plan = build_plan([], datetime(2026, 12, 30, tzinfo=UTC), [MONTHLY])
    assert plan.create[-1] == Partition("hours", date(2027, 1, 1), date(2027, 2, 1))


def test_partition_goes_when_the_whole_of_it_is_too_old() -> None:
    existing = [f"readings_202602{day:02}" for day in range(20, 29)] + ["readings_20260301", "readings_20260302"]
    assert build_plan(existing, NOW, [DAILY]) == Plan(
        (Partition("readings", date(2026, 3, 3), date(2026, 3, 4)),), ("readings_20260220", "readings_20260221")
    )


def test_what_is_not_a_partition_of_ours_is_left_alone() -> None:
    existing = ["readings_default", "readings_2019", "other_20190101", "readings_20190101_old"]
    assert build_plan(existing, NOW, [DAILY]).drop == ()


def test_sql_names_both_ends_in_utc() -> None:
    assert Partition("readings", date(2026, 3, 1), date(2026, 3, 2)).create_sql == (
        'CREATE TABLE "readings_20260301" PARTITION OF "readings" '
        "FOR VALUES FROM ('2026-03-01 00:00:00+00') TO ('2026-03-02 00:00:00+00')"
    )
