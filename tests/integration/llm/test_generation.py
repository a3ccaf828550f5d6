"""Streaming from a real server: text, counts, errors, and a settled usage row in every outcome."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from pytest_django.fixtures import Settings

from appliance.settings.model import Timeouts
from webapp.llm import api
from webapp.llm.errors import EngineRefused, EngineTimeout, EngineUnavailable, NoModel
from webapp.llm.services import endpoints, stream
from webapp.llm.types import Delta, Message
from webapp.usage.models import Call
from webapp.usage.types import Attribution

pytestmark = pytest.mark.django_db
NOBODY = Attribution(user_id=None, purpose="test")


def generate(question: str, *, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Delta]:
    return api.generate(
        messages=[Message("system", "[1] Pumps: Pump seven is greased on Tuesdays."), Message("user", question)],
        attribution=NOBODY,
        max_tokens=500,
        should_stop=should_stop,
    )


def only_call() -> Call:
    return Call.objects.get()


def test_generate_streams_the_answer_with_the_engines_counts(engine: str) -> None:
    deltas = list(generate("When?"))

    final = deltas[-1].final
    assert final is not None
    assert len(deltas) > 5
    assert "".join(delta.text for delta in deltas) == final.text
    assert final.text.endswith("[1].")
    assert (final.model, final.finish_reason) == ("Scripted", "stop")
    call = only_call()
    assert (call.status, call.error) == ("ok", "")
    assert (call.input_tokens, call.output_tokens) == (final.input_tokens, final.output_tokens)
    assert final.input_tokens
    assert final.output_tokens == len(deltas) - 1
    assert call.first_token_at is not None


def test_generate_asks_for_usage(engine: str) -> None:
    list(generate("When?"))

    state = httpx.get(f"{engine}/__state", trust_env=False).json()
    assert state["requests"][-1]["stream_options"]["include_usage"] is True


@pytest.mark.parametrize(("marker", "words"), [("error", "asked to fail"), ("busy", "asked to be busy")])
def test_generate_of_a_failing_engine_is_unavailable(engine: str, marker: str, words: str) -> None:
    with pytest.raises(EngineUnavailable, match=words):
        list(generate(f"When? <<{marker}>>"))

    assert only_call().status == "failed"
    assert words in only_call().error


def test_generate_of_a_broken_stream_is_unavailable_and_keeps_the_counts(engine: str) -> None:
    deltas: list[Delta] = []
    with pytest.raises(EngineUnavailable, match="broke off"):
        deltas.extend(generate("When? <<break>>"))

    call = only_call()
    assert len(deltas) == 5
    assert call.status == "failed"
    assert call.first_token_at is not None


def test_generate_with_an_unknown_model_is_refused_for_good(engine: str) -> None:
    endpoints.set_model(role="generate", url=engine, model_name="unknown", name="unknown", detail={})

    with pytest.raises(EngineRefused) as caught:
        list(generate("When?"))

    assert caught.value.status_code == 404
    assert caught.value.retryable is False
    assert only_call().status == "failed"


def test_generate_with_nothing_at_the_address_is_unavailable(db: None, free_port: int) -> None:
    endpoints.set_model(role="generate", url=f"http://127.0.0.1:{free_port}", model_name="none", name="none", detail={})

    with pytest.raises(EngineUnavailable, match="nothing answers"):
        list(generate("When?"))

    assert only_call().status == "failed"


def test_generate_without_a_model_says_what_to_do(db: None) -> None:
    with pytest.raises(NoModel, match="bin/appliance up"):
        list(generate("When?"))

    assert not Call.objects.exists()


def test_generate_stops_when_asked_and_the_engine_notices(engine: str) -> None:
    pieces: list[str] = []
    final = None
    for delta in generate("When? <<slow>>", should_stop=lambda: len(pieces) > 3):
        pieces.append(delta.text)
        final = delta.final

    assert final is not None
    assert (final.finish_reason, final.text) == ("stopped", "".join(pieces))
    assert only_call().status == "cancelled"
    wait_until(lambda: httpx.get(f"{engine}/__state", trust_env=False).json()["open_streams"] == 0)


def test_generate_abandoned_in_the_middle_is_settled_as_cancelled(engine: str) -> None:
    deltas = generate("When? <<slow>>")
    next(deltas)
    deltas.close()  # type: ignore[attr-defined]  # a generator

    assert only_call().status == "cancelled"
    wait_until(lambda: httpx.get(f"{engine}/__state", trust_env=False).json()["open_streams"] == 0)


def test_generate_leaves_no_thread_behind(engine: str) -> None:
    list(generate("When?"))
    deltas = generate("When? <<slow>>")
    next(deltas)
    deltas.close()  # type: ignore[attr-defined]  # a generator

    assert [thread.name for thread in threading.enumerate() if thread.name == "llm-stream"] == []


def test_generate_of_a_silent_engine_times_out(db: None, silent_engine: str, settings: Settings) -> None:
    settings.MODEL_TIMEOUTS = Timeouts(first_token_seconds=0.3)
    endpoints.set_model(role="generate", url=silent_engine, model_name="silent", name="silent", detail={})

    with pytest.raises(EngineTimeout, match=r"for 0\.3 seconds"):
        list(generate("When?"))

    assert only_call().status == "failed"


def test_generate_ignores_reasoning(recorded_engine: Callable[[str], str]) -> None:
    url = recorded_engine(
        'data: {"choices":[{"delta":{"reasoning":"secret thoughts"}}]}\n\n'
        'data: {"choices":[{"delta":{"content":"Tuesday."},"finish_reason":"stop"}]}\n\n'
        'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\ndata: [DONE]\n\n'
    )
    endpoints.set_model(role="generate", url=url, model_name="m", name="m", detail={})

    final = list(generate("When?"))[-1].final

    assert final is not None
    assert (final.text, final.input_tokens, final.output_tokens) == ("Tuesday.", 7, 9)


@pytest.mark.parametrize(
    "body",
    [
        'data: {"error":{"message":"the engine is dead","code":500}}\n\n',
        "data: not json\n\n",
        "data: [1]\n\n",
        'data: {"choices":["Tuesday."]}\n\n',
        'data: {"choices":{"delta":{"content":"Tuesday."}}}\n\n',
        'data: {"choices":[{"delta":{"content":"On Tue"}}]}\n\ndata: [DONE]\n\n',
        'data: {"choices":[{"delta":{"content":"On Tuesday."},"finish_reason":"stop"}]}\n\n',
        "",
    ],
)
def test_generate_of_a_malformed_stream_is_unavailable(recorded_engine: Callable[[str], str], body: str) -> None:
    endpoints.set_model(role="generate", url=recorded_engine(body), model_name="m", name="m", detail={})

    with pytest.raises(EngineUnavailable):
        list(generate("When?"))

    assert only_call().status == "failed"


def test_generate_of_an_endless_answer_is_cut_off(
    recorded_engine: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_RESPONSE_BYTES", 1000)
    url = recorded_engine('data: {"choices":[{"delta":{"content":"again "}}]}\n\n' * 100)
    endpoints.set_model(role="generate", url=url, model_name="m", name="m", detail={})

    with pytest.raises(EngineUnavailable, match="longer"):
        list(generate("When?"))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


@pytest.fixture
def free_port() -> int:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_address[1])


@pytest.fixture
def recorded_engine() -> Iterator[Callable[[str], str]]:
    """Serve a recorded event stream, whatever is asked."""
    servers = []

    def serve(body: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def silent_engine() -> Iterator[str]:
    """Takes the connection and the request, and never says anything."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
