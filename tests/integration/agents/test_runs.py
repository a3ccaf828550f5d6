"""A question from asking to its citations, with a scripted engine."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import UUID

import httpx
import pytest

from tests.integration.agents.conftest import HANDBOOK, ask, events, set_models, types
from tests.integration.agents.executing import execute_until_final
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


def test_run_of_an_engine_that_says_nothing_says_so(user_id: int, handbook: UUID) -> None:
    run = ask(user_id, "When? <<silent>>")

    assert run.status == "finished"
    assert run.answer.startswith("The language model gave no answer.")


def test_run_waits_for_an_embedder_that_is_away(user_id: int, handbook: UUID, embedder_url: str) -> None:
    endpoints.set_model(role="embed", url="http://127.0.0.1:9", model_name="m", name="m", detail={})
    waiting = ask(user_id, "When is pump seven greased?")

    set_models(None, embedder_url)
    run = execute_until_final(waiting.id)

    assert waiting.status == "waiting"
    assert run.status == "finished"


def test_run_without_an_embedder_fails_in_plain_words(user_id: int, handbook: UUID) -> None:
    endpoints.clear_model(role="embed")

    run = ask(user_id, "When is pump seven greased?")

    assert (run.status, run.error_code) == ("failed", "no_embedder")
    assert "no embedding model is installed" in run.error_message


def test_prompt_that_is_too_long_for_the_model_is_sent_again_with_less(
    user_id: int, handbook: UUID, small_engine: tuple[str, list[int]]
) -> None:
    url, sizes = small_engine
    endpoints.set_model(role="generate", url=url, model_name="small", name="small", detail={})

    run = ask(user_id, "When is pump seven greased?")

    assert run.answer == "On Tuesday."
    assert len(sizes) == 2
    assert sizes[1] < sizes[0]
    statuses = Call.objects.filter(run_id=run.id, kind="generate").order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["failed", "ok"]


@pytest.fixture
def small_engine() -> Iterator[tuple[str, list[int]]]:
    """Refuses the first prompt as too long, in vLLM's words; answers the second."""
    sizes: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sizes.append(len(self.rfile.read(int(self.headers["Content-Length"]))))
            if len(sizes) == 1:
                status, kind = 400, "application/json"
                body = '{"error": {"message": "This model\'s maximum context length is 256 tokens.", "code": 400}}'
            else:
                status, kind = 200, "text/event-stream"
                body = (
                    'data: {"choices":[{"delta":{"content":"On Tuesday."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
                )
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", sizes
        server.shutdown()
