"""Errors over time: a count that grew between two points of a series is something that happened there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import ngettext

from webapp.console.hardware.figures import Subject
from webapp.console.hardware.words import Level, say_xid
from webapp.console.hardware.xids import severity_of
from webapp.hardware.types import Point, SeriesKey

AT_MOST = 100


@dataclass(frozen=True)
class Incident:
    """``at`` is the reading that showed it first; None when it is older than the range."""

    at: datetime | None
    subject: str
    level: Level
    text: str


def list_incidents(subjects: Sequence[Subject], series: Mapping[SeriesKey, Sequence[Point]]) -> list[Incident]:
    """Newest first. A count that fell has begun anew (the driver or the proxy restarted): what it shows now is new."""
    found: list[Incident] = []
    for subject in subjects:
        own = {key.metric: points for key, points in series.items() if key.subject_id == subject.id and points}
        first_at = min((points[0].at for points in own.values()), default=None)
        for metric, points in own.items():
            if _is_count(metric):
                found += _grown(subject.label, metric, points, first_at)
    dated = [(incident.at, incident) for incident in found if incident.at is not None]
    dated.sort(key=lambda each: each[0], reverse=True)
    older = [incident for incident in found if incident.at is None]
    return [*(incident for _at, incident in dated), *older][:AT_MOST]


def _is_count(metric: str) -> bool:
    return metric.startswith(("xid:", "ecc_"))


def _grown(subject: str, metric: str, points: Sequence[Point], first_at: datetime | None) -> list[Incident]:
    """What the subject's very first reading shows already has no time: it was there before."""
    incidents = []
    before: float | None = None
    for point in points:
        new = point.maximum if before is None or point.maximum < before else point.maximum - before
        if new > 0:
            incidents.append(_say(subject, metric, round(new), None if point.at == first_at else point.at))
        before = point.maximum
    return incidents


def _say(subject: str, metric: str, count: int, at: datetime | None) -> Incident:
    if metric.startswith("xid:"):
        xid = int(metric.removeprefix("xid:"))
        return Incident(at, subject, severity_of(xid), say_xid(xid, count))
    if metric == "ecc_uncorrected":
        text = ngettext("%(n)d memory error not corrected", "%(n)d memory errors not corrected", count)
        return Incident(at, subject, "bad", text % {"n": count})
    text = ngettext("%(n)d memory error corrected", "%(n)d memory errors corrected", count)
    return Incident(at, subject, "information", text % {"n": count})
