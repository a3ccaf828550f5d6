"""How an attempt at a run ends: each outcome is one transaction, written under the lease, which it then gives up.

A final outcome takes the checkpoints away: no attempt will read them again, and they hold a copy of the answer.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from webapp.agents.checkpoints.retention import delete_threads
from webapp.agents.connections import released_connection
from webapp.agents.graphs.state import AnswerState
from webapp.agents.models import Citation, Run
from webapp.durable import api as durable
from webapp.durable.types import LeaseGrant
from webapp.streaming import api as streaming

FAILURES = {
    "engine_unavailable": "The language model could not be reached for ten minutes. Please ask again later.",
    "engine_refused": "The language model refused the request. Please shorten the question, or ask IT for help.",
    "no_embedder": "The documents cannot be searched: no embedding model is installed. Please ask IT for help.",
    "gave_up": "The answer could not be finished after several attempts. Please ask again.",
}


def write_run(grant: LeaseGrant, **fields: Any) -> None:
    """Update the run under its fence. Call in a transaction."""
    Run.objects.filter(pk=grant.subject_id).update(fence=grant.fence, **fields)


def append(grant: LeaseGrant, type: str, data: dict[str, Any]) -> None:  # noqa: A002 - the event's word
    streaming.append(run_id=grant.subject_id, type=type, data=data, grant=grant)


def record_finished(grant: LeaseGrant, state: AnswerState) -> None:
    """The answer with its citations."""
    usage = state["usage"]
    with released_connection(), durable.fenced_writes(grant), transaction.atomic():
        durable.check(grant)
        Citation.objects.filter(run_id=grant.subject_id).delete()
        Citation.objects.bulk_create([Citation(run_id=grant.subject_id, **row) for row in state["citations"]])
        write_run(
            grant,
            status=Run.Status.FINISHED,
            answer=state["answer"],
            model_name=state["model"],
            model_is_fallback=state.get("model_is_fallback", False),
            prompt_version_id=state["prompt_version_id"],
            prompt_version=state["prompt_version"],
            input_tokens=usage["input_tokens"] if usage else None,
            output_tokens=usage["output_tokens"] if usage else None,
            duration_ms=usage["duration_ms"] if usage else None,
            finished_at=timezone.now(),
        )
        sources = [{key: row[key] for key in ("n", "chunk_id", "document_id")} for row in state["citations"]]
        append(grant, "citations", {"citations": sources, "invalid": state["invalid"]})
        answer = {"text": state["answer"], "model": state["model"], "prompt_version": state["prompt_version"]}
        by = {"model_is_fallback": state.get("model_is_fallback", False)}
        append(grant, "answer", {**answer, **by, "usage": usage})
        append(grant, "run_finished", {})
        _forget_checkpoints(grant.subject_id)
        durable.finish(grant)


def record_cancelled(grant: LeaseGrant, *, answer: str | None) -> None:
    """Stopped by its owner. ``answer``: what had been written; None keeps what the run has."""
    with released_connection(), durable.fenced_writes(grant), transaction.atomic():
        durable.check(grant)
        kept = {} if answer is None else {"answer": answer}
        write_run(grant, status=Run.Status.CANCELLED, finished_at=timezone.now(), **kept)
        append(grant, "run_cancelled", {})
        _forget_checkpoints(grant.subject_id)
        durable.finish(grant)


def record_failed(grant: LeaseGrant, *, code: str) -> None:
    """Over, without an answer; repeating it would not help."""
    with released_connection(), durable.fenced_writes(grant), transaction.atomic():
        durable.check(grant)
        write_run(grant, **_failed_fields(code))
        append(grant, "run_failed", failure(grant.subject_id, code))
        _forget_checkpoints(grant.subject_id)
        durable.finish(grant)


def record_waiting(grant: LeaseGrant, *, reason: str, delay_seconds: float, count_attempt: bool) -> None:
    """The engine is away: hand the run back, to be tried again after the delay."""
    with released_connection(), durable.fenced_writes(grant), transaction.atomic():
        durable.check(grant)
        run = Run.objects.get(pk=grant.subject_id)
        write_run(
            grant,
            status=Run.Status.WAITING,
            waits=run.waits + 1,
            waiting_since=run.waiting_since or timezone.now(),
            restart_reason="the engine stopped answering",
        )
        append(grant, "waiting_for_engine", {"reason": reason, "retry_in_seconds": delay_seconds})
        durable.retry(grant, delay_seconds=delay_seconds, error=reason, count_attempt=count_attempt)


def record_handed_back(
    grant: LeaseGrant, *, reason: str, error: str, delay_seconds: float, count_attempt: bool
) -> None:
    """Another worker, or this one later, continues as a new attempt; after the last one the run has failed."""
    with released_connection(), durable.fenced_writes(grant), transaction.atomic():
        durable.check(grant)
        write_run(grant, status=Run.Status.QUEUED, restart_reason=reason)
        durable.retry(grant, delay_seconds=delay_seconds, error=error, count_attempt=count_attempt)


def give_up(run_id: UUID, error: str) -> None:
    """Called by the durable room, in its transaction, when there will be no further attempt. Nobody holds the lease."""
    run = Run.objects.select_for_update().filter(pk=run_id).first()
    if run is None or run.status in Run.FINAL:
        return
    Run.objects.filter(pk=run_id).update(**_failed_fields("gave_up"))
    streaming.append(run_id=run_id, type="run_failed", data=failure(run_id, "gave_up"), attempt=run.attempt)
    _forget_checkpoints(run_id)


def failure(run_id: UUID, code: str) -> dict[str, str]:
    return {"code": code, "message": FAILURES[code], "reference": str(run_id)[:8]}


def _forget_checkpoints(run_id: UUID) -> None:
    delete_threads([str(run_id)])


def _failed_fields(code: str) -> dict[str, Any]:
    return {
        "status": Run.Status.FAILED,
        "error_code": code,
        "error_message": FAILURES[code],
        "finished_at": timezone.now(),
    }
