"""The rows behind a figure, for a table and for a spreadsheet."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from webapp.console.charts.chart import Data
from webapp.console.hardware.figures import Figure
from webapp.console.numbers import format_number

AT_MOST = 500
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("time_utc", "series", "mean", "lowest", "highest", "unit")


@dataclass(frozen=True)
class TableRow:
    """One point, in words."""

    at: datetime
    label: str
    mean: str
    lowest: str
    highest: str


def build_rows(figure: Figure, data: Sequence[Data]) -> list[TableRow]:
    """Newest first."""
    rows = [
        TableRow(
            moment.at,
            line.label,
            format_number(moment.value, figure.decimals),
            format_number(moment.low, figure.decimals),
            format_number(moment.high, figure.decimals),
        )
        for line in data
        for moment in line.moments
    ]
    return sorted(rows, key=lambda row: row.at, reverse=True)


def build_csv(figure: Figure, data: Sequence[Data]) -> str:
    """Oldest first, moments in UTC. No cell begins as a formula would: names come from other machines."""
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow(COLUMNS)
    writer.writerows(_list_cells(figure, data))
    return output.getvalue()


def _list_cells(figure: Figure, data: Sequence[Data]) -> Iterator[list[str]]:
    moments = sorted(((moment, line.label) for line in data for moment in line.moments), key=lambda each: each[0].at)
    for moment, label in moments:
        at = moment.at.astimezone(UTC).isoformat(timespec="seconds")
        yield [at, harmless(label), *(f"{x:.6g}" for x in (moment.value, moment.low, moment.high)), str(figure.unit)]


def harmless(text: str) -> str:
    """A text that no spreadsheet computes."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def say_cut(rows: Sequence[TableRow]) -> str:
    if len(rows) <= AT_MOST:
        return ""
    return _("The newest %(shown)d of %(all)d rows. The CSV has them all.") % {"shown": AT_MOST, "all": len(rows)}
