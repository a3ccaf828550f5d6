"""A chart as a value: everything that its template draws, computed. Nothing here reads a database or a clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
from webapp.console.numbers import format_number

STYLES = 8
LABEL_DISTANCE = 5
# A unit that is a word stands on the axis and is not repeated beside each number.
LONGEST_SYMBOL = 3
DAY = 86400


@dataclass(frozen=True)
class Data:
    """One line's values, with its name."""

    label: str
    moments: Sequence[Moment]


@dataclass(frozen=True)
class LimitData:
    """A value that the line must not, or cannot, pass."""

    label: str
    value: float


@dataclass(frozen=True)
class MarkData:
    """A moment that the lines are to be read by, in words."""

    at: datetime
    label: str


@dataclass(frozen=True)
class Frame:
    """What all charts of a page share. ``shows_last``: a point is one reading, so the newest is how it is now."""

    since: datetime
    until: datetime
    gap_seconds: float
    tick_seconds: int
    zone: tzinfo
    shows_last: bool = True


@dataclass(frozen=True)
class Tick:
    """``place`` is pixels from the top on the vertical axis, per cent from the left on the horizontal one."""

    place: float
    label: str


@dataclass(frozen=True)
class Line:
    """``style`` numbers a colour together with a pattern of dashes, so that neither is needed alone."""

    label: str
    style: int
    path: str
    dots: str
    band: str
    last: str


@dataclass(frozen=True)
class Limit:
    """A line across, and where its words stand."""

    label: str
    y: float
    label_y: float


@dataclass(frozen=True)
class Mark:
    """A line from top to bottom, per cent from the left, and what it is of."""

    place: float
    label: str


@dataclass(frozen=True)
class Chart:
    """``description`` says in words what the lines show."""

    slug: str
    title: str
    unit: str
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    limits: tuple[Limit, ...]
    description: str
    top: float
    decimals: int
    marks: tuple[Mark, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT


def build_chart(
    *,
    slug: str,
    title: str,
    unit: str,
    data: Sequence[Data],
    limits: Sequence[LimitData],
    frame: Frame,
    decimals: int = 0,
    top: float | None = None,
    marks: Sequence[MarkData] = (),
) -> Chart:
    """``top`` fixes the axis (a percentage ends at 100); without it the highest value or limit does."""
    highest = max((moment.high for line in data for moment in line.moments), default=0.0)
    ticks = build_ticks(top if top is not None else max([highest, *(limit.value for limit in limits)]))
    scale = Scale(frame.since, frame.until, ticks[-1])
    places = 0 if all(tick == round(tick) for tick in ticks) else 1 if ticks[1] >= 0.1 else 2
    runs = [split_at_gaps(line.moments, frame.gap_seconds) for line in data]
    return Chart(
        slug=slug,
        title=title,
        unit=unit,
        y_ticks=tuple(Tick(scale.y(tick), format_number(tick, places)) for tick in ticks),
        x_ticks=tuple(build_x_ticks(frame, scale)),
        lines=tuple(
            Line(
                label=line.label,
                style=number % STYLES + 1,
                path=build_path(own_runs, scale),
                dots=build_dots(own_runs, scale),
                band=build_band(own_runs, scale),
                last=_last(line.moments, frame, unit, decimals),
            )
            for number, (line, own_runs) in enumerate(zip(data, runs, strict=True))
        ),
        limits=tuple(_limit(limit, scale) for limit in limits),
        description=" ".join(
            [
                *(_describe(line, own_runs, unit, decimals) for line, own_runs in zip(data, runs, strict=True)),
                *(_describe_mark(mark, frame) for mark in marks),
            ]
        ),
        marks=tuple(Mark(scale.x(mark.at) * 100 / WIDTH, mark.label) for mark in marks),
        top=ticks[-1],
        decimals=decimals,
    )


def build_x_ticks(frame: Frame, scale: Scale) -> list[Tick]:
    pattern = "%-d %b" if frame.tick_seconds >= DAY else "%H:%M"
    moments = build_time_ticks(frame.since, frame.until, frame.tick_seconds, frame.zone)
    return [Tick(scale.x(moment) * 100 / WIDTH, moment.astimezone(frame.zone).strftime(pattern)) for moment in moments]


def _describe_mark(mark: MarkData, frame: Frame) -> str:
    moment = mark.at.astimezone(frame.zone).strftime("%-d %b %H:%M")
    return _("At %(moment)s: %(what)s.") % {"moment": moment, "what": mark.label}


def _limit(limit: LimitData, scale: Scale) -> Limit:
    """Its words stand above it; over the plot there is room for them."""
    y = scale.y(limit.value)
    return Limit(limit.label, y, y - LABEL_DISTANCE)


def _last(moments: Sequence[Moment], frame: Frame, unit: str, decimals: int) -> str:
    """The newest value. Not a mean of minutes or hours, nor one older than a gap: neither is how it is now."""
    if not frame.shows_last or not moments or (frame.until - moments[-1].at).total_seconds() > frame.gap_seconds:
        return ""
    symbol = f"\u00a0{unit}" if len(unit) <= LONGEST_SYMBOL else ""
    return f"{format_number(moments[-1].value, decimals)}{symbol}"


def _describe(line: Data, runs: Sequence[Sequence[Moment]], unit: str, decimals: int) -> str:
    if not line.moments:
        return _("%(name)s: no values.") % {"name": line.label}
    values = [moment.value for moment in line.moments]
    text = _("%(name)s: between %(low)s and %(high)s %(unit)s, last %(last)s.") % {
        "name": line.label,
        "low": format_number(min(moment.low for moment in line.moments), decimals),
        "high": format_number(max(moment.high for moment in line.moments), decimals),
        "last": format_number(values[-1], decimals),
        "unit": unit,
    }
    gaps = len(runs) - 1
    if not gaps:
        return text
    return f"{text} " + ngettext("%(n)d gap in collection.", "%(n)d gaps in collection.", gaps) % {"n": gaps}
