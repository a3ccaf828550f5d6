"""Runs that do not go straight through: engines that fail, workers that stop or die, people who change their mind."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from tests.engines.launch import free_port
from tests.integration.agents.conftest import add_document, ask, events, types
from tests.integration.agents.executing import execute_until_final, take_over, wait_until, worker
from webapp.agents import api
from webapp.agents.checkpoints.models import Checkpoint, CheckpointBlob, CheckpointWrite
from webapp.agents.errors import NotFound
from webapp.agents.graphs import citing_node
from webapp.agents.models import Run, Thread
from webapp.agents.runs import kind, runner
from webapp.agents.runs.kind import KIND
from webapp.durable import api as durable
from webapp.durable import draining
from webapp.durable.models import Lease
from webapp.knowledge.models import Retrieval
from webapp.llm.services import endpoints
from webapp.streaming.models import RunEvent
from webapp.usage.models import Call


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LONGEST_DELAY_SECONDS", 0.05)


def has_tokens(run_id: UUID) -> bool:
    return any(event.type == "token" for event in events(run_id))


def test_answer_that_breaks_off_is_written_again_as_a_new_attempt(user_id: int, handbook: UUID) -> None:
    asked = api.create_run(user_id=user_id, question="When? <<break-once>>")

    run = execute_until_final(asked.id)

    assert (run.status, run.attempt) == ("finished", 2)
    assert types(run.pk) == [
        "run_queued",
        "run_started",
        "step_started",
        "sources",
        "step_started",
        "generation_started",
        "token",
        "waiting_for_engine",
        "run_started",
        "step_started",
        "generation_restarted",
        "generation_started",
        "token",
        "step_started",
        "citations",
        "answer",
        "run_finished",
    ]
    restarted = next(event for event in events(run.pk) if event.type == "generation_restarted")
    assert restarted.data == {"attempt": 2, "reason": "the engine stopped answering"}
    after = [event.data["text"] for event in events(run.pk) if event.seq > restarted.seq and event.type == "token"]
    assert "".join(after) == run.answer
    calls = Call.objects.filter(run_id=run.pk, kind="generate").order_by("pk")
    assert [(call.attempt, call.status) for call in calls] == [(1, "failed"), (2, "ok")]


def test_answer_that_always_breaks_off_fails_after_the_last_attempt(user_id: int, handbook: UUID) -> None:
    asked = api.create_run(user_id=user_id, question="When? <<break>>")

    run = execute_until_final(asked.id)

    assert (run.status, run.error_code) == ("failed", "gave_up")
    assert run.attempt == kind.MAX_ATTEMPTS
    assert events(run.pk)[-1].data["reference"] == str(run.pk)[:8]


def test_run_is_answered_by_the_fallback_when_the_model_is_away(
    user_id: int, handbook: UUID, scripted_engine: str
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    endpoints.set_model(role="generate", url=away, model_name="big", name="Big", detail={})
    endpoints.set_fallback(url=scripted_engine, model_name="scripted-test-engine", name="Small", detail={})

    asked = api.create_run(user_id=user_id, question="When?")
    run = execute_until_final(asked.id)

    assert (run.status, run.attempt) == ("finished", 1)
    info = api.get_run(user_id=user_id, run_id=run.pk)
    assert (info.model_name, info.model_is_fallback) == ("Small", True)
    by_type = {event.type: event.data for event in events(run.pk)}
    assert by_type["generation_started"] == {"model": "Small", "model_is_fallback": True, "attempt": 1}
    assert (by_type["answer"]["model"], by_type["answer"]["model_is_fallback"]) == ("Small", True)


def test_run_waits_for_an_engine_that_is_away(user_id: int, handbook: UUID, scripted_engine: str) -> None:
    endpoints.set_model(role="generate", url="http://127.0.0.1:9", model_name="m", name="m", detail={})
    asked = api.create_run(user_id=user_id, question="When is pump seven greased?")
    for _ in range(kind.MAX_ATTEMPTS + 1):
        wait_until(lambda: Lease.objects.filter(subject_id=asked.id, available_at__lte=timezone.now()).exists())
        runner.run_once(asked.id)
    waiting = api.get_run(user_id=user_id, run_id=asked.id)

    endpoints.set_model(role="generate", url=scripted_engine, model_name="scripted-test-engine", name="back", detail={})
    run = execute_until_final(asked.id)

    assert waiting.status == "waiting"
    assert run.status == "finished"
    assert "generation_restarted" not in types(run.pk)  # nothing had been written
    assert types(run.pk).count("sources") == 1


def test_run_that_waited_too_long_fails_in_plain_words(user_id: int, handbook: UUID) -> None:
    endpoints.set_model(role="generate", url="http://127.0.0.1:9", model_name="m", name="m", detail={})
    run = ask(user_id, "When?")
    Run.objects.filter(pk=run.id).update(waiting_since=timezone.now() - timedelta(minutes=11))

    final = execute_until_final(run.id)

    assert (final.status, final.error_code) == ("failed", "engine_unavailable")
    assert "ask again later" in events(run.id)[-1].data["message"]


def test_waiting_grows_up_to_a_limit(user_id: int, handbook: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LONGEST_DELAY_SECONDS", 15.0)
    endpoints.set_model(role="generate", url="http://127.0.0.1:9", model_name="m", name="m", detail={})
    asked = api.create_run(user_id=user_id, question="When?")

    for _ in range(5):
        Lease.objects.filter(subject_id=asked.id).update(available_at=timezone.now())
        runner.run_once(asked.id)

    waits = [event.data["retry_in_seconds"] for event in events(asked.id) if event.type == "waiting_for_engine"]
    assert waits == [2, 4, 8, 15, 15]


def test_run_of_a_lost_worker_is_continued_and_the_late_worker_writes_nothing(user_id: int, handbook: UUID) -> None:
    asked = api.create_run(user_id=user_id, question="When? <<slow>>")
    with worker(asked.id) as late:
        wait_until(lambda: has_tokens(asked.id))
        take_over(asked.id)
        late.join(20)
        assert not late.is_alive()
    assert events(asked.id)[-1].type == "token"

    run = execute_until_final(asked.id)

    assert run.status == "finished"
    assert types(asked.id).count("sources") == 1  # retrieval is not repeated
    restarted = next(event for event in events(asked.id) if event.type == "generation_restarted")
    assert restarted.data["reason"] == "the worker stopped"
    assert {event.attempt for event in events(asked.id) if event.seq > restarted.seq} == {run.attempt}
    answer = "".join(e.data["text"] for e in events(asked.id) if e.seq > restarted.seq and e.type == "token")
    assert answer == run.answer


def test_run_lost_after_its_answer_does_not_generate_again(
    user_id: int, handbook: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = api.create_run(user_id=user_id, question="When is pump seven greased?")
    with monkeypatch.context() as patch:
        patch.setattr(citing_node, "check_markers", lambda *_, **__: 1 / 0)
        runner.run_once(asked.id)

    run = execute_until_final(asked.id)

    assert (run.status, run.attempt) == ("finished", 2)
    assert "generation_restarted" not in types(run.pk)
    assert Call.objects.filter(run_id=run.pk, kind="generate").count() == 1


def test_unforeseen_error_is_logged_and_tried_again_until_the_last_attempt(
    user_id: int, handbook: UUID, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(citing_node, "check_markers", lambda *_, **__: 1 / 0)
    asked = api.create_run(user_id=user_id, question="When is pump seven greased?")

    run = execute_until_final(asked.id)

    assert (run.status, run.error_code, run.attempt) == ("failed", "gave_up", kind.MAX_ATTEMPTS)
    logged = [record for record in caplog.records if record.exc_info and record.name == runner.__name__]
    assert len(logged) == kind.MAX_ATTEMPTS
    assert "division" not in run.error_message


def test_cancelled_run_keeps_what_was_written(user_id: int, handbook: UUID) -> None:
    asked = api.create_run(user_id=user_id, question="When? <<slow>>")
    with worker(asked.id):
        wait_until(lambda: has_tokens(asked.id))
        api.cancel_run(user_id=user_id, run_id=asked.id)

    run = api.get_run(user_id=user_id, run_id=asked.id)
    streamed = "".join(event.data["text"] for event in events(asked.id) if event.type == "token")
    assert run.status == "cancelled"
    assert run.answer == streamed != ""
    assert events(asked.id)[-1].type == "run_cancelled"
    assert Call.objects.get(run_id=asked.id, kind="generate").status == "cancelled"


def test_run_cancelled_before_a_worker_takes_it_ends_at_once(user_id: int, handbook: UUID) -> None:
    asked = api.create_run(user_id=user_id, question="When?")

    run = api.cancel_run(user_id=user_id, run_id=asked.id)
    runner.run_once(asked.id)

    assert run.status == "cancelled"
    assert types(asked.id) == ["run_queued", "run_cancelled"]


def test_run_that_waits_for_the_engine_is_cancelled_at_once(
    user_id: int, handbook: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LONGEST_DELAY_SECONDS", 600.0)
    endpoints.set_model(role="generate", url="http://127.0.0.1:9", model_name="m", name="m", detail={})
    waiting = ask(user_id, "When?")

    run = api.cancel_run(user_id=user_id, run_id=waiting.id)

    assert (waiting.status, run.status) == ("waiting", "cancelled")
    assert events(run.id)[-1].type == "run_cancelled"


def test_draining_worker_hands_the_run_back(user_id: int, handbook: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = api.create_run(user_id=user_id, question="When? <<slow>>")
    with monkeypatch.context() as patch, worker(asked.id):
        wait_until(lambda: has_tokens(asked.id))
        patch.setattr(draining, "is_draining", lambda: True)
        wait_until(lambda: Run.objects.get(pk=asked.id).status == "queued")
    assert Lease.objects.get(subject_id=asked.id).attempts == 0

    run = execute_until_final(asked.id)

    assert (run.status, run.attempt) == ("finished", 2)
    restarted = next(event for event in events(asked.id) if event.type == "generation_restarted")
    assert restarted.data["reason"] == "the worker was stopped"


def test_thread_deleted_while_it_is_answered_leaves_nothing(user_id: int, handbook: UUID) -> None:
    asked = api.create_run(user_id=user_id, question="When? <<slow>>")
    with worker(asked.id):
        wait_until(lambda: has_tokens(asked.id))
        api.delete_thread(user_id=user_id, thread_id=asked.thread_id)

    for rows in (
        Thread.objects.filter(pk=asked.thread_id),
        Run.objects.filter(pk=asked.id),
        RunEvent.objects.filter(run_id=asked.id),
        Lease.objects.filter(subject_id=asked.id),
        Retrieval.objects.filter(run_id=asked.id),
        Checkpoint.objects.filter(thread_id=str(asked.id)),
        CheckpointBlob.objects.filter(thread_id=str(asked.id)),
        CheckpointWrite.objects.filter(thread_id=str(asked.id)),
    ):
        assert not rows.exists(), rows.model
    with pytest.raises(NotFound):
        api.get_run(user_id=user_id, run_id=asked.id)


def test_database_refuses_an_old_fence_on_runs_and_checkpoints(user_id: int, handbook: UUID) -> None:
    asked = api.create_run(user_id=user_id, question="When?")
    Checkpoint.objects.create(thread_id=str(asked.id), checkpoint_id="1", payload_type="null", payload=b"")
    old = durable.acquire(kind=KIND, subject_id=asked.id)
    assert old is not None
    take_over(asked.id)

    late = [
        f"UPDATE agents_run SET answer = 'late', fence = {old.fence} WHERE id = '{asked.id}'",
        f"UPDATE agents_checkpoint SET lease_kind = 'run', lease_subject = '{asked.id}', fence = {old.fence}",
    ]
    for statement in late:
        with pytest.raises(DatabaseError, match="an old fencing token is refused"), connection.cursor() as cursor:
            cursor.execute(statement)


def test_no_passage_text_stands_in_the_checkpoints(user_id: int, models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "The lighthouse keeper hides brass keys beneath granite stairs beyond the harbour. " * 3
    add_document(user_id, "secret.md", f"# Keys\n\n{secret}\n")
    with monkeypatch.context() as patch:
        patch.setattr(citing_node, "check_markers", lambda *_, **__: 1 / 0)
        run = ask(user_id, "Where are keys? <<no-citation>>")

    assert run.status == "queued"
    stored = [bytes(row.value or b"") for row in CheckpointBlob.objects.filter(thread_id=str(run.id))]
    stored += [bytes(row.value or b"") for row in CheckpointWrite.objects.filter(thread_id=str(run.id))]
    stored += [bytes(row.payload) for row in Checkpoint.objects.filter(thread_id=str(run.id))]
    assert stored
    assert not any(b"lighthouse" in value for value in stored)
    assert execute_until_final(run.id).status == "finished"
    assert not any("lighthouse" in str(event.data) for event in events(run.id))


def checkpoint_rows(run_id: UUID) -> int:
    tables = (Checkpoint, CheckpointBlob, CheckpointWrite)
    return sum(table._default_manager.filter(thread_id=str(run_id)).count() for table in tables)


def test_run_that_has_ended_has_no_checkpoints(
    user_id: int, handbook: UUID, monkeypatch: pytest.MonkeyPatch, embedder_url: str
) -> None:
    answered = ask(user_id, "When is pump seven greased?")
    given_up = execute_until_final(api.create_run(user_id=user_id, question="When? <<break>>").id)
    endpoints.set_model(role="generate", url="http://127.0.0.1:9", model_name="m", name="m", detail={})
    cancelled, failed = ask(user_id, "When?"), ask(user_id, "When, then?")
    assert checkpoint_rows(cancelled.id)
    assert checkpoint_rows(failed.id)
    api.cancel_run(user_id=user_id, run_id=cancelled.id)
    Run.objects.filter(pk=failed.id).update(waiting_since=timezone.now() - timedelta(minutes=11))
    execute_until_final(failed.id)
    endpoints.clear_model(role="generate")
    quoted = ask(user_id, "When is pump seven greased?")

    ended = {"answered": answered.id, "gave up": given_up.pk, "cancelled": cancelled.id, "failed": failed.id}
    ended["quoted"] = quoted.id
    statuses = [Run.objects.get(pk=run_id).status for run_id in ended.values()]
    assert statuses == ["finished", "failed", "cancelled", "failed", "finished"]
    assert {name: checkpoint_rows(run_id) for name, run_id in ended.items()} == dict.fromkeys(ended, 0)
