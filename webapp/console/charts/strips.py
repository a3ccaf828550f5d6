"""Strips: one row for each reason, with a block where it held. For what is there or not, rather than more or less."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext as _

from webapp.console.charts.chart import Data, Frame, Tick, build_x_ticks
from webapp.console.charts.geometry import WIDTH, Moment, Scale
from webapp.console.numbers import format_number

ROW_HEIGHT = 44
BLOCK_TOP = 20
BLOCK_HEIGHT = 16
LEAST_HEIGHT = 4.0


@dataclass(frozen=True)
class Block:
    """A time in which a reason held; the higher, the larger the share of the readings."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Row:
    """``y`` is where its words stand, ``base`` where its blocks do."""

    label: str
    y: int
    base: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Strips:
    """A chart of rows."""

    slug: str
    title: str
    unit: str
    rows: tuple[Row, ...]
    x_ticks: tuple[Tick, ...]
    description: str
    height: int
    width: int = WIDTH


def build_strips(*, slug: str, title: str, unit: str, data: Sequence[Data], frame: Frame, step_seconds: int) -> Strips:
    """Values are percentages of the readings; a line without any is left out."""
    scale = Scale(frame.since, frame.until, 100)
    held = [line for line in data if any(moment.value > 0 for moment in line.moments)]
    rows = tuple(
        Row(line.label, number * ROW_HEIGHT + 14, number * ROW_HEIGHT + BLOCK_TOP + BLOCK_HEIGHT,
            _blocks(line.moments, number * ROW_HEIGHT + BLOCK_TOP, scale, step_seconds))
        for number, line in enumerate(held)
    )  # fmt: skip
    return Strips(
        slug=slug,
        title=title,
        unit=unit,
        rows=rows,
        x_ticks=tuple(build_x_ticks(frame, scale)),
        description=" ".join(_describe(line) for line in held),
        height=len(rows) * ROW_HEIGHT,
    )


def _blocks(moments: Sequence[Moment], top: int, scale: Scale, step_seconds: int) -> tuple[Block, ...]:
    """One block for neighbours of the same share, so that an hour of one reason is one rectangle."""
    half = timedelta(seconds=step_seconds / 2)
    blocks: list[Block] = []
    for moment in moments:
        height = max(LEAST_HEIGHT, round(BLOCK_HEIGHT * moment.value / 100, 1))
        left, right = scale.x(moment.at - half), scale.x(moment.at + half)
        y = top + BLOCK_HEIGHT - height
        if moment.value <= 0:
            continue
        if blocks and blocks[-1].height == height and left - (blocks[-1].x + blocks[-1].width) <= (right - left) / 2:
            left = blocks.pop().x if right > left else left
        blocks.append(Block(left, y, round(right - left, 1), height))
    return tuple(blocks)


def _describe(line: Data) -> str:
    return _("%(name)s: up to %(high)s %% of the readings.") % {
        "name": line.label,
        "high": format_number(max(moment.high for moment in line.moments)),
    }
