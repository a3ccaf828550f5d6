"""A question from asking to its citations, with a scripted engine."""

from uuid import UUID

import httpx

from tests.integration.agents.conftest import HANDBOOK, ask, events, set_models, types
from webapp.agents import api
from webapp.agents.models import Run
from webapp.agents.runs.runner import run_once
from webapp.llm.services import endpoints
from webapp.usage.models import Call

ORDER = [
    "run_queued",
    "run_started",
    "step_started",
    "sources",
    "step_started",
    "generation_started",
    "token",
    "step_started",
    "citations",
    "answer",
    "run_finished",
]


def test_run_answers_with_citations_that_quote_the_document(user_id: int, handbook: UUID) -> None:
    run = ask(user_id, "When is pump seven greased?")

    assert run.status == "finished"
    assert types(run.id) == ORDER
    log = {event.type: event for event in events(run.id)}
    streamed = "".join(event.data["text"] for event in events(run.id) if event.type == "token")
    assert streamed == run.answer == log["answer"].data["text"]
    assert "[1]" in run.answer
    assert log["answer"].data["model"] == run.model_name == "scripted-test-engine"
    assert log["answer"].data["prompt_version"] == run.prompt_version
    assert run.prompt_version.startswith("answer@")
    assert run.citations[0].n == 1
    for source in run.citations:
        citation = api.get_citation(user_id=user_id, run_id=run.id, n=source.n)
        assert citation.document_id == handbook
        assert citation.quote
        assert citation.quote == citation.passage[citation.quote_start : citation.quote_end]


def test_run_records_the_engines_own_token_counts(user_id: int, handbook: UUID) -> None:
    run = ask(user_id, "When is pump seven greased?")

    call = Call.objects.get(run_id=run.id, kind="generate")
    answer = next(event for event in events(run.id) if event.type == "answer")
    assert call.status == "ok"
    assert call.input_tokens
    assert call.output_tokens
    assert call.prompt_version_id == run.prompt_version_id
    assert answer.data["usage"]["input_tokens"] == call.input_tokens == run.input_tokens
    assert answer.data["usage"]["output_tokens"] == call.output_tokens == run.output_tokens


def test_run_without_a_model_quotes_the_best_passages(user_id: int, handbook: UUID) -> None:
    endpoints.clear_model(role="generate")

    run = ask(user_id, "When is pump seven greased?")

    assert run.status == "finished"
    assert types(run.id) == ORDER
    assert run.model_name == "no model"
    assert run.answer.startswith("No language model is installed: these are the passages that match.")
    assert not Call.objects.filter(run_id=run.id, kind="generate").exists()
    assert run.citations
    for source in run.citations:
        citation = api.get_citation(user_id=user_id, run_id=run.id, n=source.n)
        assert f"[{source.n}]" in run.answer
        assert citation.quote.splitlines()[0] in run.answer
        assert citation.quote.split()[0] in HANDBOOK


def test_run_without_a_model_and_without_a_match_says_so(user_id: int, embedder_url: str) -> None:
    set_models(None, embedder_url)

    run = ask(user_id, "When is pump seven greased?")

    assert run.status == "finished"
    assert run.answer.endswith("Nothing in the documents you can read matches this question.")
    assert run.citations == ()


def test_run_with_an_invented_citation_drops_it_and_says_which(user_id: int, handbook: UUID) -> None:
    run = ask(user_id, "When? <<invalid-citation>>")

    assert "[99]" not in run.answer
    assert run.citations == ()
    cited = next(event for event in events(run.id) if event.type == "citations")
    assert cited.data["invalid"] == [99]


def test_run_of_a_refusing_engine_fails_in_plain_words(user_id: int, handbook: UUID, scripted_engine: str) -> None:
    endpoints.set_model(role="generate", url=scripted_engine, model_name="unknown", name="unknown", detail={})

    run = ask(user_id, "When is pump seven greased?")

    assert (run.status, run.error_code) == ("failed", "engine_refused")
    last = events(run.id)[-1]
    assert last.type == "run_failed"
    assert last.data == {"code": "engine_refused", "message": run.error_message, "reference": str(run.id)[:8]}


def test_follow_up_question_carries_the_conversation(user_id: int, handbook: UUID, scripted_engine: str) -> None:
    first = ask(user_id, "When is pump seven greased?")
    ask(user_id, "And by whom?", thread_id=first.thread_id)

    state = httpx.get(f"{scripted_engine}/__state", trust_env=False).json()
    messages = state["requests"][-1]["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[1]["content"] == "When is pump seven greased?"
    assert "[1]" not in messages[2]["content"]


def test_run_is_not_executed_twice(user_id: int, handbook: UUID) -> None:
    run = ask(user_id, "When is pump seven greased?")
    before = len(events(run.id))

    run_once(run.id)

    assert len(events(run.id)) == before
    assert Run.objects.get(pk=run.id).attempt == 1
