"""The whole page as a value: what is known, how old it is, and the figures."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from webapp.console.charts.chart import Chart, Frame
from webapp.console.charts.strips import Strips
from webapp.console.hardware.events import EventLine, list_events, list_marks
from webapp.console.hardware.figures import FIGURES, Figure, Series, Subject, draw
from webapp.console.hardware.incidents import Incident, list_incidents
from webapp.console.hardware.tiles import EngineTile, GpuTile, build_engine_tile, build_gpu_tile
from webapp.console.numbers import say_duration
from webapp.console.ranges import Range
from webapp.hardware import api as hardware
from webapp.hardware.types import CLOCK_DIFFERENCE_SECONDS, STALE_SECONDS, EngineInfo, EventInfo, HostInfo, Span
from webapp.llm import api as llm

LIVE_SOURCE = "nvml"
GAP_STEPS = 1.5


@dataclass(frozen=True)
class HostLine:
    """One host: how old its newest reading is and what is wrong, in words."""

    name: str
    age_seconds: float | None
    age: str
    is_stale: bool
    problems: tuple[str, ...]
    gpu_problem: str
    has_gpus: bool
    engine_problem: str
    further_problems: tuple[tuple[str, str], ...]
    clock: str
    driver: str


@dataclass(frozen=True)
class Freshness:
    """How old what is shown is: the oldest host counts. ``is_live`` only when every reading is fresh and measured.

    ``sources`` are those that are not live hardware: "recorded", "authored".
    """

    hosts: tuple[HostLine, ...]
    age_seconds: float | None
    age: str
    is_stale: bool
    is_live: bool
    sources: tuple[str, ...]
    stale_seconds: float = STALE_SECONDS


@dataclass(frozen=True)
class HardwarePage:
    """``state`` is "unregistered" (no model anywhere), "waiting" (for the first reading) or "shown"."""

    state: str
    freshness: Freshness | None = None
    gpus: tuple[GpuTile, ...] = ()
    engines: tuple[EngineTile, ...] = ()
    gpu_figures: tuple[Chart | Strips, ...] = ()
    engine_figures: tuple[Chart | Strips, ...] = ()
    incidents: tuple[Incident, ...] = ()
    events: tuple[EventLine, ...] = ()


@dataclass(frozen=True)
class Gathered:
    """The series that the figures are drawn from, and whose they are."""

    frame: Frame
    gpus: list[Subject]
    engines: list[Subject]
    gpu_series: Series
    engine_series: Series
    events: list[EventInfo]
    hosts: Mapping[int, str]

    def draw(self, figure: Figure, shown: Range) -> Chart | Strips:
        subjects, series = (self.gpus, self.gpu_series) if figure.of == "gpu" else (self.engines, self.engine_series)
        marks = list_marks(self.events, self.hosts) if figure.of == "engine" else ()
        return draw(figure, subjects, series, self.frame, shown.step_seconds, marks)


def build_page(shown: Range, now: datetime) -> HardwarePage:
    """What the page shows at ``now``."""
    hosts = hardware.list_hosts()
    if not hosts:
        return HardwarePage("waiting" if llm.list_models() else "unregistered")
    gathered = gather(shown, now, hosts)
    stale = {host.id for host in hosts if host.is_stale(now)}
    names = {host.id: host.name for host in hosts} if len(hosts) > 1 else {}
    return HardwarePage(
        state="shown",
        freshness=build_freshness(
            hosts, now, with_gpus={each.gpu.host_id for each in gathered.gpus if each.gpu and each.gpu.present}
        ),
        gpus=tuple(
            build_gpu_tile(subject.gpu, subject.label, is_past=subject.gpu.host_id in stale or not subject.gpu.present)
            for subject in gathered.gpus
            if subject.gpu
        ),
        engines=tuple(
            build_engine_tile(
                subject.engine, names.get(subject.engine.host_id, ""), is_past=_is_past(subject, hosts, stale)
            )
            for subject in gathered.engines
            if subject.engine
        ),
        gpu_figures=tuple(gathered.draw(figure, shown) for figure in _list_figures("gpu", gathered.gpus)),
        engine_figures=tuple(gathered.draw(figure, shown) for figure in _list_figures("engine", gathered.engines)),
        incidents=tuple(list_incidents(gathered.gpus, gathered.gpu_series)),
        events=tuple(list_events(gathered.events, gathered.hosts)),
    )


def build_freshness(hosts: Sequence[HostInfo], now: datetime, *, with_gpus: Collection[int] = ()) -> Freshness | None:
    """None while no host is known."""
    if not hosts:
        return None
    lines = tuple(_host_line(host, now, has_gpus=host.id in with_gpus) for host in hosts)
    ages = [line.age_seconds for line in lines if line.age_seconds is not None]
    oldest = max(ages) if len(ages) == len(lines) else None
    sources = tuple(sorted({host.source for host in hosts if host.source and host.source != LIVE_SOURCE}))
    is_stale = any(line.is_stale for line in lines)
    return Freshness(
        hosts=lines,
        age_seconds=oldest,
        age=_say_age(oldest),
        is_stale=is_stale,
        is_live=not is_stale and not sources,
        sources=sources,
    )


def gather(shown: Range, now: datetime, hosts: Sequence[HostInfo]) -> Gathered:
    """Read the series of these hosts' GPUs and engines in two statements."""
    several = len(hosts) > 1
    names = {host.id: host.name for host in hosts}
    gpus = [
        Subject(gpu.id, _label(names[gpu.host_id] if several else "", _("GPU %(n)s") % {"n": gpu.index}), gpu=gpu)
        for gpu in hardware.list_gpus()
        if gpu.host_id in names
    ]
    known = [engine for engine in hardware.list_engines() if engine.host_id in names]
    shared = {host for host, count in Counter(engine.host_id for engine in known).items() if count > 1}
    engines = [
        Subject(engine.id, _label_engine(engine, names[engine.host_id] if several else "", shared), engine=engine)
        for engine in known
    ]
    span = Span(shown.since(now), now, shown.step_seconds, shown.from_rollups)
    return Gathered(
        frame=Frame(
            since=span.since,
            until=span.until,
            gap_seconds=max(STALE_SECONDS, GAP_STEPS * shown.step_seconds),
            tick_seconds=shown.tick_seconds,
            zone=ZoneInfo(settings.TIME_ZONE),
            shows_last=not shown.note and not any(host.is_stale(now) for host in hosts),
        ),
        gpus=gpus,
        engines=engines,
        gpu_series=hardware.read_gpu_series(gpu_ids=[gpu.id for gpu in gpus], span=span) if gpus else {},
        engine_series=hardware.read_engine_series(engine_ids=[it.id for it in engines], span=span) if engines else {},
        events=hardware.list_engine_events(host_ids=names, span=span),
        hosts=names if several else {},
    )


def _label(host: str, gpu: str) -> str:
    return f"{host}, {gpu}" if host else gpu


def _label_engine(engine: EngineInfo, host: str, shared: Collection[int]) -> str:
    """Empty where there is one alone; where a host has several, the model's name tells them apart."""
    return ", ".join(part for part in (host, engine.model_name if engine.host_id in shared else "") if part)


def _list_figures(of: str, subjects: Sequence[Subject]) -> list[Figure]:
    return [figure for figure in FIGURES.values() if figure.of == of] if subjects else []


def _is_past(subject: Subject, hosts: Sequence[HostInfo], stale: set[int]) -> bool:
    """Also where the host's newest reading has no engine any more."""
    engine = subject.engine
    if engine is None:
        return True
    host = next(host for host in hosts if host.id == engine.host_id)
    return host.id in stale or engine.taken_at != host.taken_at


def _host_line(host: HostInfo, now: datetime, *, has_gpus: bool) -> HostLine:
    age = host.age_seconds(now)
    return HostLine(
        name=host.name,
        age_seconds=age,
        age=_say_age(age),
        is_stale=host.is_stale(now),
        problems=(host.problem,) if host.problem else (),
        gpu_problem=host.gpu_problem,
        has_gpus=has_gpus,
        engine_problem=host.engine_problem,
        further_problems=host.further_problems,
        clock=_say_clock(host),
        driver=host.driver_version,
    )


def _say_age(age: float | None) -> str:
    return _("never") if age is None else _("%(age)s ago") % {"age": say_duration(age)}


def _say_clock(host: HostInfo) -> str:
    difference = host.clock_difference_seconds
    if difference is None or abs(difference) <= CLOCK_DIFFERENCE_SECONDS:
        return ""
    if difference > 0:
        text = _("Its clock is %(time)s ahead of ours, so its lines end in our future.")
    else:
        text = _("Its clock is %(time)s behind ours, or it hands out old readings.")
    return text % {"time": say_duration(abs(difference))}
