"""Which figures the page has: each one question, one unit, and where its limit comes from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.console.charts.chart import Chart, Data, Frame, LimitData, MarkData, build_chart
from webapp.console.charts.geometry import Moment
from webapp.console.charts.strips import Strips, build_strips
from webapp.console.hardware.words import IDLE, clock_reason, waiting_reason
from webapp.console.numbers import GIB, format_number
from webapp.hardware.types import EngineInfo, GpuInfo, Point, SeriesKey

Series = Mapping[SeriesKey, Sequence[Point]]
Label = str | Promise


@dataclass(frozen=True)
class Figure:
    """``metrics`` are names of series with what a line of them is called; a name that ends in ``:`` takes every reason.

    ``factor`` turns what is stored into ``unit``; ``top`` fixes the axis; ``limit`` reads a GPU's limit, in the stored
    unit, which ``limit_label`` names.
    """

    slug: str
    title: Label
    of: Literal["gpu", "engine"]
    unit: Label
    metrics: tuple[tuple[str, Label], ...]
    factor: float = 1.0
    decimals: int = 0
    top: float | None = None
    limit: Callable[[GpuInfo], float | None] | None = None
    limit_label: Label = ""
    fixed_limit: float | None = None
    as_strips: bool = False


FIGURES = {
    each.slug: each
    for each in (
        Figure("busy", gettext_lazy("Are the GPUs busy?"), "gpu", "%", (("utilization_percent", ""),), top=100),
        Figure("memory", gettext_lazy("How much memory is left?"), "gpu", "GiB", (("memory_used_bytes", ""),),
               factor=1 / GIB, decimals=1, limit=lambda gpu: gpu.memory_total_bytes, limit_label=gettext_lazy("Total")),
        Figure("power", gettext_lazy("How much power do they draw?"), "gpu", "W", (("power_watts", ""),),
               limit=lambda gpu: gpu.power_limit_watts, limit_label=gettext_lazy("Power limit")),
        Figure("temperature", gettext_lazy("Do they get too hot?"), "gpu", "°C", (("temperature_celsius", ""),),
               limit=lambda gpu: gpu.slowdown_celsius, limit_label=gettext_lazy("Slows down at")),
        Figure("clocks", gettext_lazy("What holds the clocks back?"), "gpu", gettext_lazy("% of the readings"),
               (("clock:", ""),), factor=100, as_strips=True),
        Figure("queue", gettext_lazy("Do requests wait, and why?"), "engine", gettext_lazy("requests"),
               (("running", gettext_lazy("running")), ("waiting:", ""))),
        Figure("kv-cache", gettext_lazy("How full is the KV cache?"), "engine", "%",
               (("kv_cache_percent", gettext_lazy("KV cache")),), top=100, fixed_limit=100,
               limit_label=gettext_lazy("Full")),
        Figure("preemptions", gettext_lazy("Are answers pushed out of memory?"), "engine",
               gettext_lazy("a minute"), (("preemptions_per_minute", gettext_lazy("preemptions")),), decimals=1),
        Figure("writing", gettext_lazy("How fast does it write?"), "engine", gettext_lazy("tokens a second"),
               (("generation_tokens_per_second", gettext_lazy("written")),), decimals=1),
        Figure("reading", gettext_lazy("How fast does it read?"), "engine", gettext_lazy("tokens a second"),
               (("prompt_tokens_per_second", gettext_lazy("read")),), decimals=1),
        Figure("latency", gettext_lazy("How long until the first token?"), "engine", gettext_lazy("seconds"),
               (("time_to_first_token_seconds", gettext_lazy("first token")),
                ("queue_time_seconds", gettext_lazy("of that, in the queue"))), decimals=2),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """Whose series it is: a GPU's, or an engine's. ``label`` is empty where there is only one."""

    id: int
    label: str
    gpu: GpuInfo | None = None
    engine: EngineInfo | None = None


def build_data(figure: Figure, subjects: Sequence[Subject], series: Series) -> list[Data]:
    """A line for each subject and metric that has values, in the figure's unit."""
    found = []
    for subject in subjects:
        for metric, label in _list_metrics(figure, subject, series):
            points = series.get(SeriesKey(subject.id, metric), ())
            if points:
                found.append(Data(_join(subject.label, label), [_moment(point, figure.factor) for point in points]))
    return found


def _list_metrics(figure: Figure, subject: Subject, series: Series) -> Iterator[tuple[str, str]]:
    for metric, label in figure.metrics:
        if not metric.endswith(":"):
            yield metric, str(label)
            continue
        name = clock_reason if metric == "clock:" else waiting_reason
        reasons = sorted(key.metric for key in series if key.subject_id == subject.id and key.metric.startswith(metric))
        for each in reasons:
            reason = each.removeprefix(metric)
            if reason != IDLE:
                yield each, name(reason)


def _join(subject: str, label: str) -> str:
    return ": ".join(part for part in (subject, label) if part) or _("Engine")


def _moment(point: Point, factor: float) -> Moment:
    return Moment(point.at, point.average * factor, point.minimum * factor, point.maximum * factor)


def build_limits(figure: Figure, subjects: Sequence[Subject]) -> list[LimitData]:
    """One line for each different limit; it names its GPUs where they differ."""
    unit = str(figure.unit)
    if figure.fixed_limit is not None:
        return [LimitData(f"{figure.limit_label}: {format_number(figure.fixed_limit)} {unit}", figure.fixed_limit)]
    if figure.limit is None:
        return []
    by_value: dict[float, list[str]] = {}
    for subject in subjects:
        value = figure.limit(subject.gpu) if subject.gpu else None
        if value:
            by_value.setdefault(value * figure.factor, []).append(subject.label)
    limits = []
    for value, labels in sorted(by_value.items()):
        whose = f" ({', '.join(labels)})" if len(by_value) > 1 else ""
        limits.append(LimitData(f"{figure.limit_label} {format_number(value, figure.decimals)} {unit}{whose}", value))
    return limits


def draw(
    figure: Figure,
    subjects: Sequence[Subject],
    series: Series,
    frame: Frame,
    step_seconds: int,
    marks: Sequence[MarkData] = (),
) -> Chart | Strips:
    """The figure as a chart, whatever there is to show; without values it has no lines."""
    data = build_data(figure, subjects, series)
    title, unit = str(figure.title), str(figure.unit)
    if figure.as_strips:
        return build_strips(slug=figure.slug, title=title, unit=unit, data=data, frame=frame, step_seconds=step_seconds)
    return build_chart(
        slug=figure.slug,
        title=title,
        unit=unit,
        data=data,
        limits=build_limits(figure, subjects) if data else [],
        frame=frame,
        decimals=figure.decimals,
        top=figure.top,
        marks=marks if data else (),
    )
