"""Open and settle calls. Every call ends with exactly one outcome, also when the process that made it does not live."""

import logging
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from webapp.usage.errors import UnknownCall
from webapp.usage.models import Call, Price
from webapp.usage.types import Attribution, CallKind, Outcome

log = logging.getLogger(__name__)

ABANDONED = "abandoned"
STALE_AFTER = timedelta(hours=1)
MILLION = 1_000_000


def compute_cost(price: Price | None, input_tokens: int | None, output_tokens: int | None) -> Decimal:
    """Tokens times the price of a million, to the millionth."""
    if price is None:
        return Decimal(0)
    total = (input_tokens or 0) * price.input_per_million + (output_tokens or 0) * price.output_per_million
    return (total / MILLION).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def open_call(kind: CallKind, model: str, attribution: Attribution) -> int:
    return Call.objects.create(
        kind=kind,
        model=model,
        user_id=attribution.user_id,
        run_id=attribution.run_id,
        attempt=attribution.attempt,
        prompt_version_id=attribution.prompt_version_id,
        purpose=attribution.purpose,
    ).pk


def settle_call(
    call_id: int,
    status: Outcome,
    input_tokens: int | None,
    output_tokens: int | None,
    first_token_at: datetime | None,
    error: str,
) -> bool:
    """Settle once; the first outcome stays. But a call that was only presumed abandoned takes the true outcome."""
    with transaction.atomic():
        call = Call.objects.select_for_update().filter(pk=call_id).first()
        if call is None:
            raise UnknownCall(call_id)
        presumed = call.status == Call.Status.FAILED and call.error == ABANDONED
        if call.status != Call.Status.STARTED and not presumed:
            log.warning("Model call %d was settled before, as %s; %s is ignored.", call_id, call.status, status)
            return False
        price = Price.objects.filter(model=call.model).first()
        Call.objects.filter(pk=call_id).update(
            status=status,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            first_token_at=first_token_at,
            finished_at=Now(),
            error=error.replace("\x00", "\ufffd")[:500],
            cost=compute_cost(price, input_tokens, output_tokens),
            currency=price.currency if price else "GBP",
        )
    return True


def _abandon(which: Q) -> int:
    return Call.objects.filter(which, status=Call.Status.STARTED).update(
        status=Call.Status.FAILED, error=ABANDONED, finished_at=Now()
    )


def abandon(run_id: UUID, before_attempt: int) -> int:
    return _abandon(Q(run_id=run_id, attempt__lt=before_attempt))


def abandon_stale() -> int:
    return _abandon(Q(started_at__lt=Now() - STALE_AFTER))
