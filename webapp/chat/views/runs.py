"""One question and its answer: ask, follow, stop, ask again, look at a source."""

from collections.abc import AsyncIterator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db import connections
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST, require_safe

from webapp.agents import api as agents
from webapp.agents.errors import InvalidQuestion, NotFound
from webapp.agents.types import RunInfo
from webapp.chat.labels import live_labels
from webapp.chat.passages import split
from webapp.chat.views.refusals import refusals_as_pages
from webapp.chat.views.requests import is_partial, number, text, user_id, uuids
from webapp.streaming import api as streaming


def _run(request: HttpRequest, run_id: UUID) -> RunInfo:
    return agents.get_run(user_id=user_id(request), run_id=run_id)


def _show(request: HttpRequest, run: RunInfo) -> HttpResponse:
    """The answer alone for a page that is open, else the whole conversation."""
    if is_partial(request):
        return render(request, "chat/_run.html", {"run": run, "labels": live_labels()})
    return redirect("thread", thread_id=run.thread_id)


@require_POST
@refusals_as_pages
def create(request: HttpRequest) -> HttpResponse:
    thread_ids = uuids(request.POST.getlist("thread"))
    collection_ids = uuids(request.POST.getlist("collections"))
    try:
        run = agents.create_run(
            user_id=user_id(request),
            question=text(request.POST, "question"),
            thread_id=thread_ids[0] if thread_ids else None,
            collection_ids=collection_ids or None,
        )
    except InvalidQuestion as refusal:
        if is_partial(request):
            return HttpResponse(str(refusal), status=422, content_type="text/plain; charset=utf-8")
        messages.warning(request, str(refusal))
        return redirect("thread", thread_id=thread_ids[0]) if thread_ids else redirect("new")
    return _show(request, run)


@require_safe
@refusals_as_pages
def show(request: HttpRequest, run_id: UUID) -> HttpResponse:
    return _show(request, _run(request, run_id))


@require_GET
async def events(request: HttpRequest, run_id: UUID) -> HttpResponseBase:
    """The run's log as server-sent events after ``Last-Event-ID`` or ``?after=``. Permission first, then the stream."""
    user = await request.auser()
    assert user.pk is not None
    try:
        await sync_to_async(agents.get_run)(user_id=user.pk, run_id=run_id)
    except NotFound:
        raise Http404 from None
    after = number(request.headers.get("Last-Event-ID", ""), default=number(request.GET.get("after", "")))
    response = StreamingHttpResponse(_stream(run_id, after), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def _stream(run_id: UUID, after: int) -> AsyncIterator[bytes]:
    """The events. The database connection that checked the permission goes back first: a stream may idle for hours."""
    await sync_to_async(connections.close_all)()
    async for part in streaming.sse(run_id=run_id, after=after):
        yield part


@require_POST
@refusals_as_pages
def stop(request: HttpRequest, run_id: UUID) -> HttpResponse:
    run = _run(request, run_id)
    agents.cancel_run(user_id=user_id(request), run_id=run_id)
    return HttpResponse(status=204) if is_partial(request) else redirect("thread", thread_id=run.thread_id)


@require_POST
@refusals_as_pages
def retry(request: HttpRequest, run_id: UUID) -> HttpResponse:
    _run(request, run_id)
    return _show(request, agents.retry_run(user_id=user_id(request), run_id=run_id))


@require_safe
@refusals_as_pages
def source(request: HttpRequest, run_id: UUID, n: int) -> HttpResponse:
    run = _run(request, run_id)
    citation = agents.get_citation(user_id=user_id(request), run_id=run_id, n=n)
    context = {
        "section": "threads",
        "run": run,
        "source": citation,
        "pieces": split(citation.passage, citation.quote_start, citation.quote_end),
    }
    return render(request, "chat/_source.html" if is_partial(request) else "chat/source.html", context)
