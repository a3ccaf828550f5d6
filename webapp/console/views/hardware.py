"""GPUs and engine: the page and the part of it that renews itself, and the rows behind each figure."""

import dataclasses
import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from webapp.console.access import staff_only
from webapp.console.hardware import tables
from webapp.console.hardware.figures import FIGURES, Figure, build_data
from webapp.console.hardware.page import Gathered, build_freshness, build_page, gather
from webapp.console.numbers import age_labels
from webapp.console.ranges import RANGES, Range, range_of
from webapp.hardware import api as hardware


@require_safe
@staff_only
def index(request: HttpRequest) -> HttpResponse:
    """The console's first page, until it has more than one."""
    return redirect("console-hardware")


@require_safe
@staff_only
def show(request: HttpRequest) -> HttpResponse:
    """htmx gets the readings alone, everybody else the page around them."""
    shown = range_of(request)
    context = {
        **_common(shown),
        "page": build_page(shown, timezone.now()),
    }
    return render(request, "console/_readings.html" if _is_partial(request) else "console/hardware.html", context)


@require_safe
@staff_only
def figure_rows(request: HttpRequest, slug: str) -> HttpResponse:
    shown, figure, gathered = _figure(request, slug)
    freshness = build_freshness(hardware.list_hosts(), timezone.now())
    rows = tables.build_rows(figure, _data(figure, gathered))
    context = {
        **_common(shown),
        "figure": figure,
        "chart": gathered.draw(figure, shown),
        "rows": rows[: tables.AT_MOST],
        "cut": tables.say_cut(rows),
        "is_aggregated": any(row.lowest != row.highest for row in rows),
        "freshness": freshness,
    }
    return render(request, "console/figure.html", context)


@require_safe
@staff_only
def figure_csv(request: HttpRequest, slug: str) -> HttpResponse:
    shown, figure, gathered = _figure(request, slug)
    content = tables.build_csv(figure, _data(figure, gathered))
    headers = {"Content-Disposition": f'attachment; filename="{figure.slug}-{shown.key}.csv"'}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


def _figure(request: HttpRequest, slug: str) -> tuple[Range, Figure, Gathered]:
    figure = FIGURES.get(slug)
    if figure is None:
        raise Http404
    shown = range_of(request)
    return shown, figure, gather(shown, timezone.now(), hardware.list_hosts())


def _data(figure: Figure, gathered: Gathered) -> Any:
    if figure.of == "gpu":
        return build_data(figure, gathered.gpus, gathered.gpu_series)
    return build_data(figure, gathered.engines, gathered.engine_series)


def _common(shown: Range) -> dict[str, Any]:
    ranges = [{**dataclasses.asdict(each), "is_shown": each is shown} for each in RANGES.values()]
    return {"section": "hardware", "ranges": ranges, "shown": shown, "age_labels": json.dumps(age_labels())}


def _is_partial(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-History-Restore-Request") != "true"
