"""Asking a question, asking it again, and stopping an answer."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from webapp.agents.errors import InvalidQuestion, NotFound
from webapp.agents.models import Run, Thread
from webapp.agents.runs.kind import KIND
from webapp.agents.runs.outcomes import record_cancelled
from webapp.agents.services.reading import owned_run, run_info
from webapp.agents.types import RunInfo
from webapp.durable import api as durable
from webapp.streaming import api as streaming

MAX_QUESTION_CHARACTERS = 8000
TITLE_CHARACTERS = 80


@transaction.atomic
def create_run(
    *,
    user_id: int,
    question: str,
    thread_id: UUID | None = None,
    collection_ids: Sequence[UUID] | None = None,
) -> RunInfo:
    """Commit a run and wake a worker; a new thread when ``thread_id`` is None. ``collection_ids`` None searches all."""
    text = question.replace("\x00", "").strip()
    if not text:
        raise InvalidQuestion("The question is empty.")
    if len(text) > MAX_QUESTION_CHARACTERS:
        raise InvalidQuestion(f"The question is longer than {MAX_QUESTION_CHARACTERS:,} characters.")
    run = Run(
        thread=_thread(user_id=user_id, thread_id=thread_id, question=text),
        question=text,
        collection_ids=list(collection_ids) if collection_ids is not None else None,
    )
    run.save(force_insert=True)
    streaming.append(run_id=run.pk, type="run_queued", data={})
    durable.enqueue(kind=KIND, subject_id=run.pk)
    return run_info(run)


def retry_run(*, user_id: int, run_id: UUID) -> RunInfo:
    """Ask the same question of the same collections again, in the same thread."""
    run = owned_run(user_id=user_id, run_id=run_id)
    return create_run(
        user_id=user_id, question=run.question, thread_id=run.thread_id, collection_ids=run.collection_ids
    )


def cancel_run(*, user_id: int, run_id: UUID) -> RunInfo:
    """Ask for the answer to stop. At once when no worker has it, else when its worker looks, twice a second."""
    with transaction.atomic():
        run = owned_run(user_id=user_id, run_id=run_id, for_update=True)
        if run.status in Run.FINAL:
            return run_info(run)
        if run.cancel_requested_at is None:
            run.cancel_requested_at = timezone.now()
            run.save(update_fields=["cancel_requested_at"])
    grant = durable.acquire(kind=KIND, subject_id=run_id, early=True)
    if grant is not None:
        record_cancelled(grant, answer=None)
    return run_info(owned_run(user_id=user_id, run_id=run_id))


def _thread(*, user_id: int, thread_id: UUID | None, question: str) -> Thread:
    if thread_id is None:
        first_line = " ".join(question.split())
        title = first_line if len(first_line) <= TITLE_CHARACTERS else first_line[: TITLE_CHARACTERS - 1].rstrip() + "…"
        return Thread.objects.create(user_id=user_id, title=title)
    thread = Thread.objects.select_for_update().filter(pk=thread_id, user_id=user_id).first()
    if thread is None:
        raise NotFound("There is no such conversation.")
    thread.updated_at = timezone.now()
    thread.save(update_fields=["updated_at"])
    return thread
