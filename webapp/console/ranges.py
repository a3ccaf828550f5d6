"""The spans of time a figure can show, and how finely: from samples while they are kept, from hours beyond."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

MINUTE, HOUR, DAY = 60, 3600, 86400
DEFAULT = "1h"


@dataclass(frozen=True)
class Range:
    """``key`` stands in the address; ``tick_seconds`` lie between two marks of the axis.

    The page renews itself every ``refresh_seconds``, more often than readings get old; long ranges cost more to draw.
    ``note`` says what a point stands for where it is more than one reading.
    """

    key: str
    label: str | Promise
    seconds: int
    step_seconds: int
    tick_seconds: int
    from_rollups: bool = False
    refresh_seconds: int = 30
    note: str | Promise = ""

    def since(self, until: datetime) -> datetime:
        return until - timedelta(seconds=self.seconds)


RANGES = {
    each.key: each
    for each in (
        Range("15m", _("15 minutes"), 15 * MINUTE, 15, 5 * MINUTE, refresh_seconds=15),
        Range("1h", _("1 hour"), HOUR, 15, 15 * MINUTE, refresh_seconds=15),
        Range(
            "6h",
            _("6 hours"),
            6 * HOUR,
            MINUTE,
            HOUR,
            note=_("A point is the mean of a minute; the shade reaches from its lowest to its highest reading."),
        ),
        Range(
            "24h",
            _("24 hours"),
            DAY,
            5 * MINUTE,
            4 * HOUR,
            note=_(
                "A point is the mean of five minutes; the shade reaches from their lowest to their highest reading."
            ),
        ),
        Range(
            "7d",
            _("7 days"),
            7 * DAY,
            HOUR,
            DAY,
            from_rollups=True,
            note=_("A point is the mean of an hour; the shade reaches from its lowest to its highest reading."),
        ),
        Range(
            "90d",
            _("90 days"),
            90 * DAY,
            6 * HOUR,
            14 * DAY,
            from_rollups=True,
            note=_("A point is the mean of six hours; the shade reaches from their lowest to their highest reading."),
        ),
    )
}


def range_of(request: HttpRequest) -> Range:
    """The range that the address names; an hour if it names none. Another word is a mistake in the address (400)."""
    try:
        return RANGES[request.GET.get("range", DEFAULT)]
    except KeyError:
        raise BadRequest from None
