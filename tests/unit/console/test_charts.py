"""Charts as values: lines, limits, words for who cannot see them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from webapp.console.charts.chart import STYLES, Chart, Data, Frame, LimitData, build_chart
from webapp.console.charts.geometry import HEIGHT, Moment
from webapp.console.charts.strips import build_strips

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def frame(**changes: Any) -> Frame:
    values: dict[str, Any] = {
        "since": NOON,
        "until": NOON + timedelta(hours=1),
        "gap_seconds": 45,
        "tick_seconds": 900,
        "zone": UTC,
    }
    return Frame(**{**values, **changes})


def line(label: str, *values: float, start: int = 0) -> Data:
    return Data(label, [Moment(NOON + timedelta(seconds=start + 15 * n), v, v, v) for n, v in enumerate(values)])


def chart(*data: Data, limits: tuple[LimitData, ...] = (), **changes: Any) -> Chart:
    shown = frame(**changes)
    return build_chart(slug="power", title="Power?", unit="W", data=data, limits=limits, frame=shown)


def test_axis_reaches_the_limit_though_no_line_does() -> None:
    drawn = chart(line("GPU 0", 10, 20), limits=(LimitData("Limit 350 W", 350),))
    assert [tick.label for tick in drawn.y_ticks] == ["0", "100", "200", "300", "400"]
    assert drawn.limits[0].y == pytest.approx(HEIGHT / 8)
    assert drawn.limits[0].label_y < drawn.limits[0].y


def test_no_two_of_eight_lines_look_the_same() -> None:
    drawn = chart(*(line(f"GPU {number}", 1, 2) for number in range(STYLES)))
    assert len({each.style for each in drawn.lines}) == STYLES


def test_description_says_range_last_value_and_gaps() -> None:
    values = line("GPU 0", 10, 30)
    later = Data("GPU 0", [*values.moments, *line("", 20, start=300).moments])
    assert chart(later).description == "GPU 0: between 10 and 30 W, last 20. 1 gap in collection."


def test_last_value_is_shown_while_it_is_now() -> None:
    now = line("GPU 0", 10, 30, start=3585)
    assert chart(now).lines[0].last == "30\u00a0W"


@pytest.mark.parametrize(
    ("start", "changes"), [(0, {}), (3500, {}), (3585, {"shows_last": False})], ids=["old", "just old", "a mean"]
)
def test_last_value_is_not_shown_when_it_is_not_how_it_is_now(start: int, changes: dict[str, Any]) -> None:
    assert chart(line("GPU 0", 10, 30, start=start), **changes).lines[0].last == ""


def test_chart_without_values_has_axes_and_no_line() -> None:
    drawn = chart()
    assert (drawn.lines, drawn.description) == ((), "")
    assert len(drawn.y_ticks) > 1


def test_time_is_marked_in_the_sites_hours() -> None:
    assert [tick.label for tick in chart().x_ticks] == ["12:00", "12:15", "12:30", "12:45", "13:00"]
    assert [tick.place for tick in chart().x_ticks] == [0, 25, 50, 75, 100]


def test_strip_joins_neighbours_and_leaves_out_what_never_held() -> None:
    held = Data("heat", [*line("", 100, 100, 100, start=1800).moments, *line("", 100, start=2700).moments])
    drawn = build_strips(
        slug="clocks", title="?", unit="%", data=[held, line("never", 0, 0)], frame=frame(), step_seconds=15
    )
    assert [row.label for row in drawn.rows] == ["heat"]
    assert len(drawn.rows[0].blocks) == 2
    assert drawn.rows[0].blocks[0].width == pytest.approx(12.5, abs=0.3)  # 45 of 3600 seconds, of 1000
    assert drawn.description == "heat: up to 100 % of the readings."


def test_strip_of_a_part_of_the_readings_is_lower() -> None:
    part = Data("heat", [Moment(NOON + timedelta(minutes=30), 25, 0, 100)])
    drawn = build_strips(slug="c", title="?", unit="%", data=[part], frame=frame(), step_seconds=300)
    (block,) = drawn.rows[0].blocks
    assert block.height == 4
    assert block.y + block.height == drawn.rows[0].base
