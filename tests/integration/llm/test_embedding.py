"""Embedding in batches: order, dimensions, retries, accounting."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from webapp.llm import api, circuit
from webapp.llm.errors import EngineRefused, EngineUnavailable, NoModel
from webapp.llm.services import embedding, endpoints
from webapp.usage.models import Call
from webapp.usage.types import Attribution

pytestmark = pytest.mark.django_db
NOBODY = Attribution(user_id=None, purpose="test")
Answer = tuple[int, Any]


def embeddings(inputs: list[str]) -> list[dict[str, Any]]:
    return [{"index": i, "embedding": [float(text), 1.0]} for i, text in enumerate(inputs)]


@pytest.fixture
def serve(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[list[str]], Answer]], None]]:
    """Make a server with this answer the embedder, or another one of it."""
    monkeypatch.setattr(embedding, "RETRY_AFTER_SECONDS", (0.0, 0.0))
    servers: list[HTTPServer] = []

    def start(answer: Callable[[list[str]], Answer]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, content = answer(body["input"])
                payload = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                self.send_error(404)

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        if servers:
            endpoints.add_endpoint(role="embed", url=url, model_name="e")
        else:
            endpoints.set_model(role="embed", url=url, model_name="e", name="e", detail={"dimensions": 2})
        servers.append(server)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_embed_keeps_the_order_over_batches_and_answers(serve: Callable[..., None]) -> None:
    serve(lambda inputs: (200, {"data": embeddings(inputs)[::-1], "usage": {"prompt_tokens": len(inputs)}}))

    vectors = api.embed(texts=[str(i) for i in range(150)], attribution=NOBODY)

    assert [vector[0] for vector in vectors] == [float(i) for i in range(150)]
    assert list(Call.objects.order_by("pk").values_list("input_tokens", "status")) == [
        (64, "ok"),
        (64, "ok"),
        (22, "ok"),
    ]


def test_embed_tries_again_when_the_server_is_busy(serve: Callable[..., None]) -> None:
    answers = iter([503, 503, 200])
    serve(lambda inputs: (next(answers), {"data": embeddings(inputs)}))

    assert api.embed(texts=["7"], attribution=NOBODY) == [[7.0, 1.0]]
    assert sorted(Call.objects.values_list("status", flat=True)) == ["failed", "failed", "ok"]


def test_embed_gives_up_after_three_tries(serve: Callable[..., None]) -> None:
    serve(lambda _: (503, {"error": {"message": "loading"}}))

    with pytest.raises(EngineUnavailable, match="loading"):
        api.embed(texts=["7"], attribution=NOBODY)

    assert Call.objects.filter(status="failed").count() == 3


def test_embed_asks_another_embedder_at_once(serve: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "RETRY_AFTER_SECONDS", (60.0, 60.0))
    serve(lambda _: (503, {"error": {"message": "loading"}}))
    serve(lambda inputs: (200, {"data": embeddings(inputs)}))

    for _ in range(12):
        assert api.embed(texts=["7"], attribution=NOBODY) == [[7.0, 1.0]]

    assert Call.objects.filter(status="failed").count() <= circuit.OPEN_AFTER
    assert Call.objects.filter(status="ok").count() == 12


def test_embed_of_two_embedders_that_fail_pauses_before_the_third_try(serve: Callable[..., None]) -> None:
    serve(lambda _: (503, {"error": {"message": "loading"}}))
    serve(lambda _: (503, {"error": {"message": "loading"}}))

    with pytest.raises(EngineUnavailable, match="loading"):
        api.embed(texts=["7"], attribution=NOBODY)

    assert Call.objects.filter(status="failed").count() == 3


def test_embed_refused_is_not_repeated(serve: Callable[..., None]) -> None:
    serve(lambda _: (400, {"error": {"message": "too many inputs"}}))

    with pytest.raises(EngineRefused, match="too many inputs"):
        api.embed(texts=["7"], attribution=NOBODY)

    assert Call.objects.count() == 1


@pytest.mark.parametrize(
    "content",
    [
        {"data": []},
        {"data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}]},
        {"data": [{"index": 1, "embedding": [1.0, 2.0]}]},
        {"data": [{"index": 0, "embedding": [1.0, float("nan")]}]},
        {"data": [{"index": 0}]},
        ["not an object"],
    ],
)
def test_embed_of_a_wrong_answer_is_refused(serve: Callable[..., None], content: object) -> None:
    serve(lambda _: (200, content))

    with pytest.raises(EngineUnavailable):
        api.embed(texts=["7"], attribution=NOBODY)


def test_embed_of_nothing_calls_nobody(db: None) -> None:
    assert api.embed(texts=[], attribution=NOBODY) == []
    assert not Call.objects.exists()


def test_embed_without_a_model_says_which_is_missing(db: None) -> None:
    with pytest.raises(NoModel, match="'embed'"):
        api.embed(texts=["7"], attribution=NOBODY)
