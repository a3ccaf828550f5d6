"""What happened to the engines, in words: a list, and marks on the charts where one ended without being asked to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.console.charts.chart import MarkData
from webapp.console.hardware.words import Said
from webapp.console.numbers import say_duration
from webapp.hardware.types import EventInfo

MOST_SHOWN = 50
MAIN = "engine"
COUNTED_SECONDS = 180
NOT_STARTED = frozenset({"engine_not_started", "model_refused"})
UNASKED = frozenset({"wedged", "crashed", "not_ready", "lost"})


@dataclass(frozen=True)
class EventLine:
    """``what`` says it in a sentence, ``detail`` in the keeper's own words where they say more."""

    at: datetime
    where: str
    what: Said
    detail: str


def list_events(events: Sequence[EventInfo], hosts: Mapping[int, str]) -> list[EventLine]:
    """Newest first. ``hosts`` are the names to say, empty where there is only one."""
    shown = [event for event in events if event.kind != "engine_wedged" or not _is_followed(event, events)]
    return [
        EventLine(event.at, _where(event, hosts), say_event(event), "" if event.reason == "crashed" else event.detail)
        for event in shown[:MOST_SHOWN]
    ]


def list_marks(events: Sequence[EventInfo], hosts: Mapping[int, str]) -> list[MarkData]:
    """Where an engine ended and was to be started again, or was not started at all; in order of time."""
    marked = [event for event in reversed(events) if event.reason in UNASKED or event.kind in NOT_STARTED]
    return [
        MarkData(event.at, ": ".join(part for part in (_where(event, hosts), say_event(event).text) if part))
        for event in marked
        if event.kind != "engine_wedged"
    ]


def say_event(event: EventInfo) -> Said:
    """One sentence. A kind that this release does not know is shown as it is named."""
    took = _say_seconds(event.seconds)
    match event.kind:
        case "engine_started":
            return Said("quiet", _("started"))
        case "engine_ready":
            return Said("good", _("ready after %(time)s") % {"time": took})
        case "engine_wedged":
            return Said("bad", _("wedged: no sign of life for %(time)s") % {"time": took})
        case "engine_ended":
            return Said("bad", _say_end(event, took))
        case "engine_drained":
            return Said("information", _("stopped when asked, in %(time)s") % {"time": took})
        case "model_refused":
            return Said("bad", _("not started: its model is refused"))
        case "engine_not_started":
            return Said("bad", _("not started, and tried again until it is"))
    return Said("information", event.kind.replace("_", " "))


def _say_seconds(seconds: float | None) -> str:
    """Seconds as long as people count in them."""
    if seconds is None:
        return _("an unknown time")
    if seconds < COUNTED_SECONDS:
        return ngettext("%(n)d second", "%(n)d seconds", int(seconds)) % {"n": int(seconds)}
    return say_duration(seconds)


def _say_end(event: EventInfo, took: str) -> str:
    if event.reason == "wedged":
        return _("restarted: wedged for %(time)s") % {"time": took}
    if event.reason == "not_ready":
        return _("restarted: it did not get ready")
    if event.reason == "lost":
        return _("restarted: it was killed, or its machine stopped")
    if event.signal:
        return _("restarted: it was ended by %(signal)s") % {"signal": event.signal}
    if event.exit_code is not None:
        return _("restarted: it ended by itself with code %(code)s") % {"code": event.exit_code}
    return _("restarted: it ended by itself")


def _is_followed(wedged: EventInfo, events: Sequence[EventInfo]) -> bool:
    """The end of a wedged engine says how long it was so: one line is enough for both."""
    return any(
        event.kind == "engine_ended" and event.reason == "wedged" and event.at >= wedged.at
        for event in events
        if (event.host_id, event.engine) == (wedged.host_id, wedged.engine)
    )


def _where(event: EventInfo, hosts: Mapping[int, str]) -> str:
    engine = "" if event.engine == MAIN else event.engine.removeprefix("engine-")
    return ", ".join(part for part in (hosts.get(event.host_id, ""), engine) if part)
