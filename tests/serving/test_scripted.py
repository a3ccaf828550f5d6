"""The scripted engine does what its markers promise."""

import json
import time
from collections.abc import Generator
from typing import Any

import httpx
import pytest

MODEL = "scripted-test-engine"
PASSAGES = "Passages:\n[1] Water is kept in the reservoir above the town.\n[2] Pipes leave it in two directions.\n"


def body(question: str, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": f"{PASSAGES}\n{question}"}], **more}


def ask(url: str, question: str, **more: Any) -> httpx.Response:
    return httpx.post(f"{url}/v1/chat/completions", json=body(question, **more), timeout=30, trust_env=False)


def stream(url: str, question: str, **more: Any) -> Generator[dict[str, Any]]:
    request = body(question, stream=True, **more)
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=request, timeout=30, trust_env=False) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))


def said(url: str, question: str) -> str:
    chunks = stream(url, question)
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def test_default_answer_quotes_and_cites_both_passages(scripted_engine: str) -> None:
    answer = said(scripted_engine, "Where is the water?")
    assert "Water is kept in the reservoir above the town. [1]" in answer
    assert "[2]" in answer
    assert ask(scripted_engine, "Where is the water?").json()["choices"][0]["message"]["content"] == answer


@pytest.mark.parametrize(("marker", "status"), [("error", 500), ("busy", 503)])
def test_error_marker_fails_before_the_first_token(scripted_engine: str, marker: str, status: int) -> None:
    assert ask(scripted_engine, f"<<{marker}>>", stream=True).status_code == status


def test_break_once_cuts_the_stream_and_then_answers(scripted_engine: str) -> None:
    received: list[dict[str, Any]] = []
    with pytest.raises(httpx.RemoteProtocolError):
        received.extend(stream(scripted_engine, "<<break-once>>"))
    assert said(scripted_engine, "<<break-once>>").endswith("[2].")


def test_invalid_citation_marker_cites_what_was_not_given(scripted_engine: str) -> None:
    assert "[99]" in said(scripted_engine, "<<invalid-citation>>")


def test_tool_marker_calls_a_tool(scripted_engine: str) -> None:
    choice = ask(scripted_engine, "<<tool>>").json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"]) == {"query": "waterworks"}


def test_token_limit_ends_the_answer_with_length(scripted_engine: str) -> None:
    answer = ask(scripted_engine, "<<many>>", max_tokens=7).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 7


def test_script_posted_by_a_test_comes_first_and_state_shows_requests(scripted_engine: str) -> None:
    rules = {"rules": [{"marker": "", "text": "Posted."}]}
    httpx.post(f"{scripted_engine}/__script", json=rules, trust_env=False).raise_for_status()
    assert said(scripted_engine, "Anything?") == "Posted."
    state = httpx.get(f"{scripted_engine}/__state", trust_env=False).json()
    assert "Anything?" in state["requests"][-1]["messages"][-1]["content"]


def test_reader_who_leaves_is_noticed(scripted_engine: str) -> None:
    chunks = stream(scripted_engine, "<<slow>>")
    next(chunks)
    chunks.close()
    deadline = time.monotonic() + 10
    state: dict[str, Any] = {"disconnects": 0}
    while state["disconnects"] == 0 and time.monotonic() < deadline:
        state = httpx.get(f"{scripted_engine}/__state", trust_env=False).json()
    assert (state["disconnects"], state["open_streams"]) == (1, 0)
