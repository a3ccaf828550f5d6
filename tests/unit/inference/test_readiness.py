"""What a probe may ask of a model server. The server here is authored: it lists a model and never writes a token."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inference.serving.keeper.probing import read_metrics
from inference.serving.readiness import check_alive, check_engine, check_listed, check_pooling
from inference.serving.turns import give_up, wait_again, wait_for_turn


class Stuck(BaseHTTPRequestHandler):
    """As an engine whose scheduler hangs, or that is busy: 200 on its health page, a model, and no answer."""

    def do_GET(self) -> None:
        self._send(200, {"data": [{"id": "qwen", "max_model_len": 2048}]} if self.path == "/v1/models" else {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(503, {"error": "too many requests wait"})

    def _send(self, status: int, body: object) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name in the base
        """Not in the tests' output."""


@pytest.fixture(scope="module")
def stuck() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stuck) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_stuck_engine_is_alive_and_listed_but_not_ready_for_work(stuck: str) -> None:
    assert check_alive(stuck, seconds=5).ready
    listed = check_listed(stuck)
    assert (listed.ready, listed.model, listed.max_model_tokens) == (True, "qwen", 2048)
    assert check_engine(stuck, seconds=5).reason == "The engine lists qwen but writes nothing: HTTP 503."


def test_absent_server_is_nothing_of_the_kind() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stuck) as server:
        url = f"http://127.0.0.1:{server.server_port}"
    for readiness in (check_alive(url, seconds=5), check_listed(url), check_engine(url, seconds=5)):
        assert not readiness.ready
        assert "refused" in readiness.reason


class Dying(Stuck):
    """As an engine that ends in the middle of its answer."""

    def _send(self, status: int, body: object) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"{")
        self.close_connection = True


def test_answer_that_breaks_off_is_no_answer() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Dying) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        found = [check_listed(url), check_engine(url, seconds=5), check_pooling(url, "embedding", seconds=5)]
        metrics = read_metrics(url)
        server.shutdown()
        thread.join()
    assert [each.ready for each in found] == [False, False, False]
    assert metrics is None


class Pooling(Stuck):
    """As an engine that embeds and ranks; what it ranks is not a number."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answers = {
            "/v1/embeddings": {"data": [{"embedding": [0.1, 0.2]}]},
            "/v1/rerank": {"results": [{"relevance_score": "NaN"}]},
        }
        self._send(200, answers[self.path])


@pytest.fixture(scope="module")
def pooling() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pooling) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_engine_that_embeds_is_ready_and_one_that_gives_no_number_is_not(pooling: str, stuck: str) -> None:
    assert check_pooling(pooling, "embedding").ready
    assert "gave no finite number" in check_pooling(pooling, "reranking").reason
    assert check_pooling(stuck, "reranking").reason == "The engine lists qwen, which does nothing: HTTP 503."


def test_turn_is_waited_for_and_who_never_answers_is_said(pooling: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert wait_for_turn([pooling], seconds=5) == []
    assert wait_for_turn([], seconds=5) == []
    assert wait_for_turn([pooling, "http://127.0.0.1:1"], seconds=0) == ["http://127.0.0.1:1"]
    assert "Starting without http://127.0.0.1:1" in capsys.readouterr().err


def test_engine_that_was_given_up_is_not_waited_for_until_it_is_started_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = "http://127.0.0.1:1"
    give_up(tmp_path, gone)
    began = time.monotonic()
    assert wait_for_turn([gone], seconds=60, given_up=tmp_path) == [gone]
    assert time.monotonic() - began < 10
    assert capsys.readouterr().err == f"Starting without {gone}, which did not start.\n"
    wait_again(tmp_path, gone)
    wait_again(tmp_path, gone)
    assert wait_for_turn([gone], seconds=0, given_up=tmp_path) == [gone]
    assert "did not answer in 0 seconds" in capsys.readouterr().err
