"""One attempt at a run: lease, graph, outcome. Correct whenever it is killed, because another attempt continues."""

import logging
from datetime import timedelta
from typing import cast
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from langchain_core.runnables import RunnableConfig
from langsmith.run_helpers import tracing_context

from webapp.agents.checkpoints.saver import DjangoSaver
from webapp.agents.connections import released_connection
from webapp.agents.graphs.answer import build_answer_graph
from webapp.agents.graphs.state import AnswerState
from webapp.agents.models import Run
from webapp.agents.runs import outcomes
from webapp.agents.runs.context import Held, RunContext
from webapp.agents.runs.interruptions import CancelRequested, WorkerDraining
from webapp.agents.runs.kind import KIND
from webapp.durable import api as durable
from webapp.durable.errors import LeaseLost
from webapp.durable.types import LeaseGrant
from webapp.llm.errors import LlmError, NoModel
from webapp.usage import api as usage

logger = logging.getLogger(__name__)
LONGEST_WAIT = timedelta(minutes=10)
LONGEST_DELAY_SECONDS = 15.0
SCHEMA_VERSION = 1


def run_once(run_id: UUID) -> None:
    """Take the run's lease and make an attempt; nothing when the lease is not to be had."""
    with released_connection():
        grant = durable.acquire(kind=KIND, subject_id=run_id)
    if grant is None:
        return
    try:
        with durable.hold(grant) as held:
            run = _start(grant)
            if run is not None:
                _attempt(grant, held, run)
    except LeaseLost:
        logger.info("run %s: attempt %d ends here, the lease is held elsewhere", run_id, grant.attempt)


def _start(grant: LeaseGrant) -> Run | None:
    """Mark the attempt as begun. None when there is nothing to do any more."""
    with released_connection(), durable.fenced_writes(grant), transaction.atomic():
        durable.check(grant)
        run = Run.objects.select_related("thread").filter(pk=grant.subject_id).first()
        if run is None or run.status in Run.FINAL:
            durable.finish(grant)
            return None
        outcomes.write_run(
            grant,
            status=Run.Status.RUNNING,
            attempt=grant.attempt,
            started_at=run.started_at or timezone.now(),
            restart_reason="",
        )
        usage.abandon(run_id=run.pk, before_attempt=grant.attempt)
        outcomes.append(grant, "run_started", {"attempt": grant.attempt})
        return run


def _attempt(grant: LeaseGrant, held: Held, run: Run) -> None:
    with released_connection():
        context = RunContext(grant=grant, held=held, run=run)
    try:
        outcomes.record_finished(grant, _run_graph(context))
    except CancelRequested:
        outcomes.record_cancelled(grant, answer=context.draft or None)
    except WorkerDraining:
        outcomes.record_handed_back(
            grant, reason="the worker was stopped", error="draining", delay_seconds=0, count_attempt=False
        )
    except LeaseLost:
        raise
    except LlmError as error:
        _record_llm_error(context, run, error)
    except Exception as error:
        # The one boundary: what nobody foresaw is logged here, once, and tried again.
        logger.exception("run %s: attempt %d failed", run.pk, grant.attempt)
        outcomes.record_handed_back(
            grant,
            reason="something went wrong",
            error=type(error).__name__,
            delay_seconds=min(2.0**grant.attempt, LONGEST_DELAY_SECONDS),
            count_attempt=True,
        )


def _run_graph(context: RunContext) -> AnswerState:
    """Continue after the last node that finished in an earlier attempt; begin when there is none."""
    graph = build_answer_graph(context).compile(checkpointer=DjangoSaver(grant=context.grant))
    config = cast(RunnableConfig, {"configurable": {"thread_id": str(context.task.run_id)}})
    with tracing_context(enabled=False):  # nothing is sent to anybody, whatever the environment says
        snapshot = graph.get_state(config)
        if snapshot.created_at is not None and not snapshot.next:
            return cast(AnswerState, snapshot.values)
        begin = None if snapshot.created_at is not None else AnswerState(schema_version=SCHEMA_VERSION)
        return cast(AnswerState, graph.invoke(begin, config, durability="sync"))


def _record_llm_error(context: RunContext, run: Run, error: LlmError) -> None:
    """Ours is the only classifier: what may pass is waited for, the rest ends the run."""
    grant = context.grant
    logger.warning("run %s: attempt %d: %s", run.pk, grant.attempt, type(error).__name__)
    if isinstance(error, NoModel) and error.role == "generate":  # it was taken away in this moment
        outcomes.record_handed_back(
            grant, reason="the model was removed", error="no model", delay_seconds=1, count_attempt=True
        )
    elif isinstance(error, NoModel):
        outcomes.record_failed(grant, code="no_embedder")
    elif not error.retryable:
        outcomes.record_failed(grant, code="engine_refused")
    elif run.waiting_since is not None and timezone.now() - run.waiting_since > LONGEST_WAIT:
        outcomes.record_failed(grant, code="engine_unavailable")
    else:
        waits = 0 if context.has_begun else run.waits
        outcomes.record_waiting(
            grant,
            reason=str(error),
            delay_seconds=min(2.0 ** (waits + 1), LONGEST_DELAY_SECONDS),
            count_attempt=context.has_begun,
        )
