"""``manage.py ask``: the terminal's way to ask, through a worker."""

import json
from io import StringIO
from threading import Thread
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from tests.integration.agents.conftest import HANDBOOK
from tests.integration.agents.executing import execute_until_final, wait_until
from webapp.agents import api
from webapp.agents.connections import released_connection
from webapp.agents.models import Run
from webapp.agents.runs import runner
from webapp.llm.services import endpoints


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LONGEST_DELAY_SECONDS", 0.05)


def run_command(*args: str) -> tuple[str, str]:
    """Ask while a worker is there to answer."""
    before = set(Run.objects.values_list("pk", flat=True))

    def work() -> None:
        with released_connection():
            wait_until(lambda: Run.objects.exclude(pk__in=before).exists())
            execute_until_final(Run.objects.exclude(pk__in=before).get().pk)

    worker = Thread(target=work)
    worker.start()
    out, notes = StringIO(), StringIO()
    try:
        call_command("ask", *args, stdout=out, stderr=notes)
    finally:
        worker.join(30)
    return out.getvalue(), notes.getvalue()


def test_ask_prints_the_answer_and_its_sources(user_id: int, handbook: UUID) -> None:
    out, _ = run_command("When is pump seven greased?", "--user", "ada")

    run = Run.objects.get()
    assert out.startswith(run.answer)
    assert "Sources\n  [1] " in out
    assert "Waterworks handbook" in out
    assert "Answered by: scripted-test-engine (answer@" in out
    assert f"{run.input_tokens} tokens in" in out


def test_ask_as_json_prints_one_object_with_quotes_of_the_document(user_id: int, handbook: UUID) -> None:
    out, _ = run_command("When is pump seven greased?", "--user", "ada", "--json")

    content = json.loads(out)
    assert content["status"] == "finished"
    assert content["model"] == "scripted-test-engine"
    assert content["usage"]["output_tokens"] > 0
    assert content["citations"]
    for citation in content["citations"]:
        assert citation["filename"] == "handbook.md"
        assert " ".join(citation["quote"].split()) in " ".join(HANDBOOK.split())


def test_ask_says_when_the_answer_begins_again(user_id: int, handbook: UUID) -> None:
    _, notes = run_command("When? <<break-once>>", "--user", "ada")

    assert "written again (attempt 2): the engine stopped answering." in notes


def test_ask_of_a_refused_question_fails_with_a_reference(user_id: int, handbook: UUID, scripted_engine: str) -> None:
    endpoints.set_model(role="generate", url=scripted_engine, model_name="unknown", name="unknown", detail={})

    with pytest.raises(CommandError, match=r"refused the request.*reference"):
        run_command("When?", "--user", "ada")


def test_ask_without_a_worker_says_so_and_stops_the_run(user_id: int, handbook: UUID) -> None:
    with pytest.raises(CommandError, match="No worker has taken the question"):
        call_command("ask", "When?", "--user", "ada", "--pick-up-seconds", "0.1", stdout=StringIO())

    assert Run.objects.get().status == "cancelled"


def test_ask_is_asked_by_the_first_administrator_unless_named(user_id: int, handbook: UUID) -> None:
    admin = get_user_model()._default_manager.create_superuser("root", password="not-used")

    run_command("When is pump seven greased?")

    assert [thread.title for thread in api.list_threads(user_id=admin.pk)] == ["When is pump seven greased?"]


def test_ask_as_nobody_is_refused(transactional_db: None) -> None:
    with pytest.raises(CommandError, match="There is no administrator"):
        call_command("ask", "When?")
    with pytest.raises(CommandError, match="There is no user 'eve'"):
        call_command("ask", "When?", "--user", "eve")
