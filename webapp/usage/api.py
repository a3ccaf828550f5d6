"""The usage room's face: each call of a model is opened before it is made and settled whatever becomes of it."""

from datetime import datetime
from uuid import UUID

from webapp.usage import calls
from webapp.usage.totals import compute_totals
from webapp.usage.types import Attribution, CallKind, Grouping, Outcome, Total


def open_call(*, kind: CallKind, model: str, attribution: Attribution) -> int:
    """Record that a call begins; returns the id to settle it by."""
    return calls.open_call(kind, model, attribution)


def settle_call(
    *,
    call_id: int,
    status: Outcome,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    first_token_at: datetime | None = None,
    error: str = "",
) -> bool:
    """Record how a call ended, with the engine's own token counts (``None`` when it gave none).

    False, and nothing changes, when it was settled before. Raises UnknownCall.
    """
    return calls.settle_call(call_id, status, input_tokens, output_tokens, first_token_at, error)


def abandon(*, run_id: UUID, before_attempt: int) -> int:
    """Settle the open calls of a run's superseded attempts as failed ("abandoned"); returns how many there were."""
    return calls.abandon(run_id, before_attempt)


def abandon_stale() -> int:
    """The same for calls of any kind that have been open for an hour: whoever made them is gone."""
    return calls.abandon_stale()


def totals(*, since: datetime, group_by: Grouping) -> list[Total]:
    """Calls since a moment, summed by user (id as text, empty for none), model, kind or status."""
    return compute_totals(since, group_by)
