"""What the nodes of a graph may know and do about the run they work for: its log, its draft, and whether to stop."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction

from webapp.agents.connections import released_connection
from webapp.agents.conversation import Turn
from webapp.agents.models import Run
from webapp.agents.runs import outcomes
from webapp.agents.runs.interruptions import CancelRequested, Interrupted, WorkerDraining
from webapp.durable import api as durable
from webapp.durable.errors import LeaseLost
from webapp.durable.types import LeaseGrant

LOOK_SECONDS = 0.5
COALESCE_SECONDS = 0.05
MAX_TURNS = 3


class Held(Protocol):
    """A lease that is being kept alive."""

    @property
    def lost(self) -> bool: ...


@dataclass(frozen=True)
class Task:
    """The question, as committed when it was asked."""

    run_id: UUID
    thread_id: UUID
    user_id: int
    question: str
    collection_ids: list[UUID] | None
    turns: tuple[Turn, ...]


class RunContext:
    """One attempt at a run. Used by one thread at a time, though not always the same one."""

    def __init__(self, *, grant: LeaseGrant, held: Held, run: Run) -> None:
        self.grant = grant
        self.task = _task(run)
        self.draft = ""
        self.has_begun = False
        self._held = held
        self._shown_attempt = run.draft_attempt
        self._restart_reason = run.restart_reason or "the worker stopped"
        self._interruption: Interrupted | LeaseLost | None = None
        self._looked_at = float("-inf")
        self._unsent = ""
        self._sent_at = 0.0

    def emit(self, type: str, data: Mapping[str, Any]) -> None:  # noqa: A002 - the event's word
        """Add an event to the run's log, under the lease."""
        with released_connection(), durable.fenced_writes(self.grant):
            outcomes.append(self.grant, type, dict(data))

    def enter(self, node: str, label: str) -> None:
        """A node begins: the place to stop when that was asked for."""
        self._looked_at = float("-inf")
        self.should_stop()
        self.raise_if_stopped()
        self.emit("step_started", {"node": node, "label": label})

    def should_stop(self) -> bool:
        """Whether to stop generating. Looks at the database at most twice a second; sends tokens that have waited."""
        if self._unsent and time.monotonic() - self._sent_at >= COALESCE_SECONDS:
            self.flush()
        if self._interruption is None:
            self._look()
        return self._interruption is not None

    def raise_if_stopped(self) -> None:
        if self._interruption is not None:
            raise self._interruption

    def void_draft(self) -> None:
        """Tell the reader that what an earlier attempt wrote does not count."""
        if self._shown_attempt is None:
            return
        with released_connection(), durable.fenced_writes(self.grant), transaction.atomic():
            outcomes.write_run(self.grant, draft_attempt=None, answer="")
            outcomes.append(
                self.grant,
                "generation_restarted",
                {"attempt": self.grant.attempt, "reason": self._restart_reason},
            )
        self._shown_attempt = None

    def begin_draft(self, *, model: str, is_fallback: bool = False) -> None:
        """The first words are there."""
        with released_connection(), durable.fenced_writes(self.grant), transaction.atomic():
            outcomes.write_run(
                self.grant,
                draft_attempt=self.grant.attempt,
                model_name=model,
                model_is_fallback=is_fallback,
                waiting_since=None,
                waits=0,
            )
            data = {"model": model, "model_is_fallback": is_fallback, "attempt": self.grant.attempt}
            outcomes.append(self.grant, "generation_started", data)
        self.has_begun = True
        self._sent_at = time.monotonic()

    def write(self, text: str) -> None:
        """Add to the draft; events carry up to 50 ms of it each."""
        self.draft += text
        self._unsent += text
        if time.monotonic() - self._sent_at >= COALESCE_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._unsent:
            text, self._unsent = self._unsent, ""
            self.emit("token", {"text": text})
        self._sent_at = time.monotonic()

    def _look(self) -> None:
        if self._held.lost:
            self._interruption = LeaseLost(self.grant.kind, self.grant.subject_id)
        elif durable.is_draining():
            self._interruption = WorkerDraining()
        elif time.monotonic() - self._looked_at >= LOOK_SECONDS:
            with released_connection():
                row = Run.objects.filter(pk=self.grant.subject_id).values("cancel_requested_at").first()
            self._looked_at = time.monotonic()
            if row is None:
                self._interruption = LeaseLost(self.grant.kind, self.grant.subject_id)
            elif row["cancel_requested_at"] is not None:
                self._interruption = CancelRequested()


def _task(run: Run) -> Task:
    """The run with the turns of the conversation before it. Asking again does not show the model its first answer."""
    earlier = (
        Run.objects.filter(thread_id=run.thread_id, status=Run.Status.FINISHED, created_at__lt=run.created_at)
        .exclude(question=run.question)
        .order_by("-created_at")
        .values_list("question", "answer")[:MAX_TURNS]
    )
    return Task(
        run_id=run.pk,
        thread_id=run.thread_id,
        user_id=run.thread.user_id,
        question=run.question,
        collection_ids=run.collection_ids,
        turns=tuple(Turn(question, answer) for question, answer in reversed(earlier)),
    )
