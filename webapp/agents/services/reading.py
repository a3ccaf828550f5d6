"""Looking at conversations, runs and sources: only one's own."""

from collections.abc import Iterable
from typing import cast
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from webapp.agents.errors import NotFound
from webapp.agents.models import Citation, Run, Thread
from webapp.agents.types import CitationInfo, CitedSource, RunInfo, RunStatus, ThreadInfo, ThreadView
from webapp.knowledge import api as knowledge
from webapp.knowledge.types import Passage

MAX_THREADS = 200
UNAVAILABLE = "This document was deleted, or is no longer shared with you."


def get_run(*, user_id: int, run_id: UUID) -> RunInfo:
    run = owned_run(user_id=user_id, run_id=run_id)
    return run_info(run, run.citations.order_by("n"))


def list_threads(*, user_id: int, search: str = "") -> list[ThreadInfo]:
    """The newest conversations first; ``search`` looks in titles and questions."""
    threads = Thread.objects.filter(user_id=user_id)
    for word in search.replace("\x00", "").split()[:10]:
        asked = Run.objects.filter(thread=OuterRef("pk"), question__icontains=word)
        threads = threads.filter(Q(title__icontains=word) | Exists(asked))
    return [_thread_info(thread) for thread in threads.order_by("-updated_at", "pk")[:MAX_THREADS]]


def get_thread(*, user_id: int, thread_id: UUID) -> ThreadView:
    thread = owned_thread(user_id=user_id, thread_id=thread_id)
    runs = thread.runs.order_by("created_at", "pk").prefetch_related("citations")
    return ThreadView(
        info=_thread_info(thread),
        runs=tuple(run_info(run, sorted(run.citations.all(), key=lambda citation: citation.n)) for run in runs),
    )


def get_citation(*, user_id: int, run_id: UUID, n: int) -> CitationInfo:
    """Source ``n``, its text read from the document now, if this user may still read that."""
    citation = Citation.objects.filter(run_id=run_id, n=n, run__thread__user_id=user_id).first()
    if citation is None:
        raise NotFound("There is no such source.")
    passages = knowledge.get_passages(user_id=user_id, chunk_ids=[citation.chunk_id])
    passage = next((p for p in passages if p.document_id == citation.document_id), None)
    if passage is None or not passage.char_start <= citation.char_start <= citation.char_end <= passage.char_end:
        return CitationInfo(
            n=n,
            chunk_id=citation.chunk_id,
            document_id=citation.document_id,
            title=citation.title,
            is_available=False,
            notice=UNAVAILABLE,
        )
    return _citation_info(citation, passage)


def owned_thread(*, user_id: int, thread_id: UUID) -> Thread:
    thread = Thread.objects.filter(pk=thread_id, user_id=user_id).first()
    if thread is None:
        raise NotFound("There is no such conversation.")
    return thread


def owned_run(*, user_id: int, run_id: UUID, for_update: bool = False) -> Run:
    runs = Run.objects.filter(pk=run_id, thread__user_id=user_id)
    run = (runs.select_for_update(of=("self",)) if for_update else runs).first()
    if run is None:
        raise NotFound("There is no such run.")
    return run


def run_info(run: Run, citations: Iterable[Citation] = ()) -> RunInfo:
    return RunInfo(
        id=run.pk,
        thread_id=run.thread_id,
        question=run.question,
        collection_ids=tuple(run.collection_ids) if run.collection_ids is not None else None,
        status=cast(RunStatus, str(run.status)),
        attempt=run.attempt,
        model_name=run.model_name,
        model_is_fallback=run.model_is_fallback,
        prompt_version_id=run.prompt_version_id,
        prompt_version=run.prompt_version,
        answer=run.answer,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        duration_ms=run.duration_ms,
        error_code=run.error_code,
        error_message=run.error_message,
        cancel_requested=run.cancel_requested_at is not None,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        citations=tuple(CitedSource(c.n, c.chunk_id, c.document_id, c.title) for c in citations),
    )


def _thread_info(thread: Thread) -> ThreadInfo:
    return ThreadInfo(id=thread.pk, title=thread.title, created_at=thread.created_at, updated_at=thread.updated_at)


def _citation_info(citation: Citation, passage: Passage) -> CitationInfo:
    start, end = citation.char_start - passage.char_start, citation.char_end - passage.char_start
    return CitationInfo(
        n=citation.n,
        chunk_id=citation.chunk_id,
        document_id=citation.document_id,
        title=passage.title,
        is_available=True,
        heading_path=tuple(passage.heading_path),
        page_start=passage.page_start,
        page_end=passage.page_end,
        passage=passage.text,
        quote=passage.text[start:end],
        quote_start=start,
        quote_end=end,
        char_start=citation.char_start,
        char_end=citation.char_end,
    )
