"""Every call of a model ends with one outcome and its true counts."""

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from webapp.usage import api
from webapp.usage.errors import UnknownCall
from webapp.usage.models import Call, Price
from webapp.usage.types import Attribution, Outcome

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def open_call(*, run_id: UUID | None = None, attempt: int = 1, model: str = "tiny", user_id: int | None = None) -> int:
    attribution = Attribution(user_id=user_id, run_id=run_id, attempt=attempt, prompt_version_id=5, purpose="answer")
    return api.open_call(kind="generate", model=model, attribution=attribution)


def test_open_call_is_kept_before_the_model_is_called() -> None:
    user = get_user_model().objects.create(username="jane")
    run_id = uuid4()
    call = Call.objects.get(pk=open_call(run_id=run_id, attempt=2, user_id=user.pk))
    assert (call.status, call.kind, call.model, call.purpose) == ("started", "generate", "tiny", "answer")
    assert (call.user_id, call.run_id, call.attempt, call.prompt_version_id) == (user.pk, run_id, 2, 5)
    assert (call.input_tokens, call.output_tokens, call.finished_at) == (None, None, None)


@pytest.mark.parametrize("status", ["ok", "failed", "cancelled"])
def test_settled_call_has_its_outcome(status: Outcome) -> None:
    call_id = open_call()
    assert api.settle_call(
        call_id=call_id, status=status, input_tokens=7, output_tokens=3, first_token_at=MOMENT, error="e\x00"
    )
    call = Call.objects.get(pk=call_id)
    assert (call.status, call.input_tokens, call.output_tokens) == (status, 7, 3)
    assert (call.first_token_at, call.error) == (MOMENT, "e\ufffd")
    assert call.finished_at is not None
    assert call.finished_at >= call.started_at


def test_counts_the_engine_did_not_give_stay_empty() -> None:
    call_id = open_call()
    api.settle_call(call_id=call_id, status="failed", error="connection refused")
    call = Call.objects.get(pk=call_id)
    assert (call.input_tokens, call.output_tokens, call.cost) == (None, None, Decimal(0))


def test_first_settlement_stays(caplog: pytest.LogCaptureFixture) -> None:
    call_id = open_call()
    assert api.settle_call(call_id=call_id, status="ok", input_tokens=7, output_tokens=3)
    with caplog.at_level(logging.WARNING):
        assert not api.settle_call(call_id=call_id, status="failed", error="late")
    call = Call.objects.get(pk=call_id)
    assert (call.status, call.input_tokens, call.error) == ("ok", 7, "")
    assert "settled before" in caplog.text


def test_unknown_call_is_refused() -> None:
    with pytest.raises(UnknownCall):
        api.settle_call(call_id=-1, status="ok")


def test_cost_is_tokens_times_the_models_price() -> None:
    Price.objects.create(model="dear", input_per_million=Decimal("2.50"), output_per_million=Decimal("10"))
    dear, free = open_call(model="dear"), open_call(model="free")
    for call_id in (dear, free):
        api.settle_call(call_id=call_id, status="ok", input_tokens=1001, output_tokens=33)
    assert Call.objects.get(pk=dear).cost == Decimal("0.002833")  # 0.0025025 + 0.00033, half rounded up
    assert Call.objects.get(pk=dear).currency == "GBP"
    assert Call.objects.get(pk=free).cost == 0


def test_negative_price_is_refused_by_the_database() -> None:
    with pytest.raises(IntegrityError, match="usage_price_not_negative"), transaction.atomic():
        Price.objects.create(model="gift", input_per_million=Decimal(-1))


def test_abandon_settles_open_calls_of_superseded_attempts_only() -> None:
    run_id = uuid4()
    first, settled = open_call(run_id=run_id), open_call(run_id=run_id)
    api.settle_call(call_id=settled, status="ok")
    current, others = open_call(run_id=run_id, attempt=2), open_call(run_id=uuid4())
    assert api.abandon(run_id=run_id, before_attempt=2) == 1
    statuses = {call.pk: (call.status, call.error) for call in Call.objects.all()}
    assert statuses == {
        first: ("failed", "abandoned"),
        settled: ("ok", ""),
        current: ("started", ""),
        others: ("started", ""),
    }


def test_abandoned_call_takes_its_true_outcome_when_it_comes() -> None:
    run_id = uuid4()
    call_id = open_call(run_id=run_id)
    api.abandon(run_id=run_id, before_attempt=2)
    assert api.settle_call(call_id=call_id, status="cancelled", input_tokens=7, output_tokens=90)
    assert not api.settle_call(call_id=call_id, status="ok")
    call = Call.objects.get(pk=call_id)
    assert (call.status, call.error, call.output_tokens) == ("cancelled", "", 90)


def test_abandon_stale_settles_what_was_opened_an_hour_ago() -> None:
    old, recent = open_call(), open_call()
    Call.objects.filter(pk=old).update(started_at=Now() - timedelta(minutes=61))
    Call.objects.filter(pk=recent).update(started_at=Now() - timedelta(minutes=59))
    assert api.abandon_stale() == 1
    assert Call.objects.get(pk=old).error == "abandoned"
    assert Call.objects.get(pk=recent).status == "started"


def test_call_stays_when_its_user_is_deleted() -> None:
    user = get_user_model().objects.create(username="jane")
    call_id = open_call(user_id=user.pk)
    user.delete()
    assert Call.objects.get(pk=call_id).user_id is None


def test_totals_sum_by_group_since_a_moment() -> None:
    user = get_user_model().objects.create(username="jane")
    Price.objects.create(model="dear", output_per_million=Decimal(1_000_000))
    before = open_call(model="dear")
    Call.objects.filter(pk=before).update(started_at=Now() - timedelta(days=2))
    api.settle_call(call_id=open_call(model="dear", user_id=user.pk), status="ok", input_tokens=10, output_tokens=2)
    api.settle_call(call_id=open_call(model="dear"), status="failed", input_tokens=5)
    open_call(model="free")
    since = datetime.now(UTC) - timedelta(days=1)
    assert [
        (total.key, total.calls, total.failed, total.input_tokens, total.output_tokens, total.cost)
        for total in api.totals(since=since, group_by="model")
    ] == [("dear", 2, 1, 15, 2, Decimal(2)), ("free", 1, 0, 0, 0, Decimal(0))]
    assert {total.key: total.calls for total in api.totals(since=since, group_by="user")} == {str(user.pk): 1, "": 2}
