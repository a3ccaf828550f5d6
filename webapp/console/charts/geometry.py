"""Where things are in a plot: WIDTH units wide (stretched to the screen), HEIGHT pixels high, zero at the bottom."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

WIDTH = 1000
HEIGHT = 180
TICKS = 4
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Moment:
    """A value at a time; the smallest and largest of what it stands for."""

    at: datetime
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Scale:
    """Time from left to right, values from bottom to ``top``."""

    since: datetime
    until: datetime
    top: float

    def x(self, at: datetime) -> float:
        share = (at - self.since) / (self.until - self.since)
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)

    def y(self, value: float) -> float:
        share = min(max(value / self.top, 0.0), 1.0)
        return round((1 - share) * HEIGHT, 1)


def build_ticks(highest: float) -> tuple[float, ...]:
    """From zero to at least ``highest``, in steps that people count in. Never a single tick."""
    if highest <= 0 or not math.isfinite(highest):
        highest = 1.0
    magnitude = 10.0 ** math.floor(math.log10(highest / TICKS))
    step = next(each * magnitude for each in STEPS if each * magnitude * TICKS >= highest * (1 - 1e-9))
    count = math.ceil(highest / step - 1e-9)
    return tuple(round(number * step, 10) for number in range(count + 1))


def split_at_gaps(moments: Sequence[Moment], gap_seconds: float) -> list[list[Moment]]:
    """Runs of neighbours. Over more than ``gap_seconds`` without a reading no line is drawn."""
    runs: list[list[Moment]] = []
    for moment in moments:
        if runs and (moment.at - runs[-1][-1].at).total_seconds() <= gap_seconds:
            runs[-1].append(moment)
        else:
            runs.append([moment])
    return runs


def build_path(runs: Sequence[Sequence[Moment]], scale: Scale) -> str:
    """The line, broken at gaps. What stands alone between two of them is in :func:`build_dots`."""
    lines = ("L".join(_place(moment, scale) for moment in run) for run in runs if len(run) > 1)
    return "".join(f"M{line}" for line in lines)


def build_dots(runs: Sequence[Sequence[Moment]], scale: Scale) -> str:
    """Readings without a neighbour: lines of no length, which round ends make dots."""
    return "".join(f"M{_place(run[0], scale)}h0" for run in runs if len(run) == 1)


def _place(moment: Moment, scale: Scale) -> str:
    return f"{scale.x(moment.at)} {scale.y(moment.value)}"


def build_band(runs: Sequence[Sequence[Moment]], scale: Scale) -> str:
    """The area between the smallest and the largest value, where they differ."""
    parts = []
    for run in runs:
        if len(run) < 2 or all(moment.low == moment.high for moment in run):
            continue
        upper = [f"{scale.x(moment.at)} {scale.y(moment.high)}" for moment in run]
        lower = [f"{scale.x(moment.at)} {scale.y(moment.low)}" for moment in reversed(run)]
        parts.append("M" + "L".join([*upper, *lower]) + "Z")
    return "".join(parts)


def build_time_ticks(since: datetime, until: datetime, step_seconds: int, zone: tzinfo) -> Iterator[datetime]:
    """Moments that are whole steps of the day in ``zone``, counted on its calendar, also over a change of clocks."""
    local = since.astimezone(zone).replace(tzinfo=None)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    step = timedelta(seconds=step_seconds)
    wall = midnight + step * math.ceil((local - midnight) / step)
    while (moment := wall.replace(tzinfo=zone).astimezone(UTC)) <= until:
        if moment >= since:
            yield moment
        wall += step
