"""Where things are in a chart: ticks, scales, gaps and the marks of time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from webapp.console.charts.geometry import (
    HEIGHT,
    WIDTH,
    Moment,
    Scale,
    build_band,
    build_dots,
    build_path,
    build_ticks,
    build_time_ticks,
    split_at_gaps,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")


def moments(*values: tuple[int, float]) -> list[Moment]:
    """(seconds after noon, value)"""
    return [Moment(NOON + timedelta(seconds=at), value, value, value) for at, value in values]


def scale(seconds: int = 100, top: float = 100) -> Scale:
    return Scale(NOON, NOON + timedelta(seconds=seconds), top)


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (100, (0, 25, 50, 75, 100)),
        (350, (0, 100, 200, 300, 400)),
        (44.99, (0, 20, 40, 60)),
        (1, (0, 0.25, 0.5, 0.75, 1)),
        (0.012, (0, 0.005, 0.01, 0.015)),
        (8, (0, 2, 4, 6, 8)),
        (0, (0, 0.25, 0.5, 0.75, 1)),
        (float("inf"), (0, 0.25, 0.5, 0.75, 1)),
    ],
)
def test_ticks_start_at_zero_and_reach_the_highest(highest: float, ticks: tuple[float, ...]) -> None:
    assert build_ticks(highest) == ticks


def test_ticks_are_few_and_enough_for_any_value() -> None:
    for exponent in range(-6, 12):
        for factor in (1, 1.7, 3.2, 9.99):
            highest = factor * 10**exponent
            ticks = build_ticks(highest)
            assert 2 <= len(ticks) <= 6, highest
            assert ticks[-1] >= highest * (1 - 1e-6), highest


def test_scale_puts_the_corners_into_the_corners() -> None:
    whole = scale()
    assert (whole.x(NOON), whole.x(NOON + timedelta(seconds=100))) == (0, WIDTH)
    assert (whole.y(0), whole.y(50), whole.y(100)) == (HEIGHT, HEIGHT / 2, 0)


def test_what_is_outside_stays_on_the_edge() -> None:
    whole = scale()
    assert (whole.x(NOON - timedelta(days=1)), whole.x(NOON + timedelta(days=1))) == (0, WIDTH)
    assert (whole.y(-5), whole.y(200)) == (HEIGHT, 0)


def test_line_is_broken_where_nothing_was_collected() -> None:
    runs = split_at_gaps(moments((0, 0), (15, 100), (60, 100), (75, 0), (90, 50)), gap_seconds=44)
    assert [len(run) for run in runs] == [2, 3]
    assert build_path(runs, scale()) == "M0.0 180.0L150.0 0.0M600.0 0.0L750.0 180.0L900.0 90.0"


def test_gap_of_just_the_limit_is_none() -> None:
    assert len(split_at_gaps(moments((0, 1), (45, 1)), gap_seconds=45)) == 1


def test_reading_without_neighbours_is_a_dot_and_no_line() -> None:
    runs = split_at_gaps(moments((0, 0), (50, 50)), gap_seconds=45)
    assert build_path(runs, scale()) == ""
    assert build_dots(runs, scale()) == "M0.0 180.0h0M500.0 90.0h0"


def test_nothing_is_drawn_of_nothing() -> None:
    assert (build_path([], scale()), build_dots([], scale()), build_band([], scale())) == ("", "", "")


def test_band_goes_along_the_highest_and_back_along_the_lowest() -> None:
    run = [Moment(NOON, 50, 40, 60), Moment(NOON + timedelta(seconds=100), 50, 0, 100)]
    assert build_band([run], scale()) == "M0.0 72.0L1000.0 0.0L1000.0 180.0L0.0 108.0Z"


def test_single_readings_have_no_band() -> None:
    assert build_band([moments((0, 1), (15, 2))], scale()) == ""


def test_marks_of_time_are_whole_hours_of_the_site() -> None:
    since = datetime(2026, 7, 1, 9, 20, tzinfo=UTC)
    ticks = build_time_ticks(since, since + timedelta(hours=3), 3600, LONDON)
    assert [tick.astimezone(LONDON).strftime("%H:%M") for tick in ticks] == ["11:00", "12:00", "13:00"]


def test_marks_of_days_are_midnights_also_over_a_change_of_clocks() -> None:
    since = datetime(2026, 3, 27, 12, tzinfo=UTC)
    ticks = list(build_time_ticks(since, since + timedelta(days=4), 86400, LONDON))
    assert [tick.astimezone(LONDON).strftime("%d %H:%M") for tick in ticks] == [
        "28 00:00",
        "29 00:00",
        "30 00:00",
        "31 00:00",
    ]
    assert (ticks[2] - ticks[1]) == timedelta(hours=23)
