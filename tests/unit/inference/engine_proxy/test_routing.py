"""What passes the proxy. Every other spelling of a path, and every other path of the servers behind it, does not."""

import pytest

from inference.engine_proxy.routing import (
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    ROUTES,
    find_route,
    select_headers,
)

OPEN_BEHIND_THE_PROXY = (
    "/", "/v1", "/health", "/load", "/ping", "/version", "/tokenize", "/detokenize", "/invocations", "/pause",
    "/resume",
    "/is_paused", "/update_weights", "/collective_rpc", "/sleep", "/wake_up", "/reset_prefix_cache", "/server_info",
    "/start_profile", "/v1/load_lora_adapter", "/v1/responses", "/v1/messages", "/v1/audio/transcriptions", "/v1/score",
    "/rerank", "/pooling", "/classify", "/inference/v1/generate", "/docs", "/openapi.json", "/scale_elastic_ep",
)  # fmt: skip
SPELLINGS = (
    "/v1/chat/completions/", "//v1/chat/completions", "/v1//chat/completions", "/v1/chat/./completions",
    "/v1/chat/../chat/completions", "/v1/chat%2Fcompletions", "/v1/chat%2fcompletions", "/%761/chat/completions",
    "/V1/chat/completions", "/v1/chat/completions?x=1", "/v1/chat/completions?", "/v1/chat/completions#x",
    "/v1/chat/completions.", "/v1/chat/completions;x", "/v1/chat/completions%00", "/v1/chat/completions%20",
    "/v1/chat/completions/../../../pause", "/v1/chat/completions/..;/pause", "\\v1\\chat\\completions",
    "http://127.0.0.1:8410/v1/chat/completions", "https://gpu/v1/chat/completions", "v1/chat/completions", "*", "",
    "gpu:8443", "/v1/chat/completions\t", " /v1/chat/completions", "/\uff561/chat/completions",
)  # fmt: skip
METHODS = (
    "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "Post", "PRI", "PURGE", "",
)  # fmt: skip


def test_these_and_no_others_pass() -> None:
    assert {request: (route.target, route.path) for request, route in ROUTES.items()} == {
        ("POST", "/v1/chat/completions"): ("engine", "/v1/chat/completions"),
        ("POST", "/v1/completions"): ("engine", "/v1/completions"),
        ("GET", "/v1/models"): ("engine", "/v1/models"),
        ("POST", "/v1/embeddings"): ("embedder", "/v1/embeddings"),
        ("GET", "/v1/embeddings/models"): ("embedder", "/v1/models"),
        ("GET", "/hardware"): ("hardware", ""),
        ("GET", "/metrics"): ("metrics", ""),
        ("GET", "/healthz"): ("health", ""),
    }


@pytest.mark.parametrize("path", OPEN_BEHIND_THE_PROXY)
def test_what_the_servers_leave_open_is_closed(path: str) -> None:
    assert [method for method in (*METHODS, "POST") if find_route(method, path)] == []


@pytest.mark.parametrize("path", SPELLINGS)
def test_other_spelling_of_a_path_is_refused(path: str) -> None:
    assert find_route("POST", path) is None


@pytest.mark.parametrize("method", METHODS)
def test_other_method_is_refused(method: str) -> None:
    assert find_route(method, "/v1/chat/completions") is None


def test_only_what_a_model_needs_to_know_is_passed_on() -> None:
    sent = [
        ("Host", "gpu"), ("Content-Type", "application/json"), ("content-type", "text/plain"), ("ACCEPT", "*/*"),
        ("Authorization", "Bearer secret"), ("Cookie", "session=secret"), ("X-Forwarded-For", "10.0.0.1"),
        ("X-HTTP-Method-Override", "DELETE"), ("Connection", "close, content-type"), ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"), ("Upgrade", "h2c"), ("Proxy-Authorization", "x"), ("X-Request-Id", "1"),
    ]  # fmt: skip
    assert select_headers(sent, REQUEST_HEADERS) == [("content-type", "application/json"), ("accept", "*/*")]


def test_only_what_belongs_to_the_answer_comes_back() -> None:
    sent = [
        ("Server", "uvicorn"), ("Content-Type", "text/event-stream"), ("Set-Cookie", "a=b"), ("Keep-Alive", "5"),
        ("Access-Control-Allow-Origin", "*"), ("Retry-After", "1"), ("Content-Length", "12"), ("Location", "/pause"),
        ("Transfer-Encoding", "chunked"), ("Connection", "keep-alive"),
    ]  # fmt: skip
    assert select_headers(sent, RESPONSE_HEADERS) == [
        ("content-type", "text/event-stream"), ("retry-after", "1"), ("content-length", "12"),
    ]  # fmt: skip
