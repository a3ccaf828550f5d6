"""What the scripted engine sends has the keys, the types and the order of what the real vLLM sends.

How many tokens come in one event is the engine's own affair, so events of the same form in a row count as one. The tiny
model is held to one visible token, because what it would write by chance changes which events there are.
"""

import itertools
import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.engines.launch import RunningEngine
from tests.engines.scripted import MODEL

FIXED = ("object", "role", "finish_reason", "type", "param", "code", "index")  # values a client compares
QUESTION = [{"role": "user", "content": "How much water does the reservoir hold?"}]
LONG = [{"role": "user", "content": "How much water does the reservoir hold? <<many>>"}]  # for more events than forms
TOOL = {"type": "function", "function": {"name": "search_documents", "parameters": {"type": "object"}}}


@dataclass(frozen=True)
class Answer:
    status: int
    media_type: str
    shapes: list[Any]


def shape(value: Any, key: str = "") -> Any:
    """Keys in order and types instead of values, except where the value is part of the protocol."""
    if isinstance(value, dict):
        return [(name, shape(item, name)) for name, item in value.items()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return value if key in FIXED else type(value).__name__


def read(url: str, served_model: str, **body: Any) -> Answer:
    content = body.pop("content", None) or json.dumps({"model": served_model, **body}).encode()
    headers = {"Content-Type": "application/json"}
    response = httpx.post(f"{url}/v1/chat/completions", content=content, headers=headers, timeout=120, trust_env=False)
    media_type = response.headers["content-type"]
    if media_type.startswith("text/event-stream"):
        lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
        assert lines[-1].strip() == "[DONE]"
        shapes = [shape(json.loads(line)) for line in lines[:-1]]
        different = [form for form, _ in itertools.groupby(shapes)]
        return Answer(response.status_code, media_type, [*different, "[DONE]"])
    return Answer(response.status_code, media_type, [shape(response.json())])


def visible_token(engine: RunningEngine) -> int:
    body = {"model": engine.model, "prompt": "water", "add_special_tokens": False}
    answer = httpx.post(f"{engine.url}/tokenize", json=body, trust_env=False)
    return int(answer.json()["tokens"][0])


@pytest.mark.parametrize(
    "body",
    [
        {"messages": QUESTION, "max_tokens": 3},
        {"messages": LONG, "max_tokens": 100, "stream": True},
        {"messages": LONG, "max_tokens": 100, "stream": True, "stream_options": {"include_usage": True}},
        {
            "messages": LONG,
            "max_tokens": 100,
            "stream": True,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        },
        {"messages": QUESTION, "model": "absent"},
        {"messages": QUESTION, "model": "absent", "stream": True},
        {"max_tokens": 3},
        {"messages": []},
        {"messages": QUESTION, "max_tokens": -1},
        {"messages": [{"role": "user", "content": "w " * 18000}], "max_tokens": 3, "stream": True},
        {"content": b"{nonsense"},
    ],
    ids=["whole", "stream", "usage", "usage-throughout", "404", "404-stream", "400", "empty", "tokens", "long", "json"],
)
def test_scripted_answer_has_the_form_of_a_real_one(
    tiny_engine: RunningEngine, scripted_engine: str, body: dict[str, Any]
) -> None:
    steady = {"ignore_eos": True, "allowed_token_ids": [visible_token(tiny_engine)]}
    real = read(tiny_engine.url, tiny_engine.model, **({**steady, **body} if "content" not in body else body))
    assert read(scripted_engine, MODEL, **body) == real


def test_scripted_model_list_has_the_form_of_a_real_one(tiny_engine: RunningEngine, scripted_engine: str) -> None:
    real, scripted = (
        shape(httpx.get(f"{url}/v1/models", trust_env=False).json()) for url in (tiny_engine.url, scripted_engine)
    )
    assert scripted == real


def tool_call_deltas(url: str, model: str, question: str) -> list[Any]:
    choice = {"type": "function", "function": {"name": "search_documents"}}
    messages = [{"role": "user", "content": question}]
    answer = read(url, model, messages=messages, tools=[TOOL], tool_choice=choice, max_tokens=64, stream=True)
    deltas = [dict(dict(chunk)["choices"][0])["delta"] for chunk in answer.shapes[:-1]]
    return [form for form, _ in itertools.groupby(part for delta in deltas for part in split_calls(delta))]


def split_calls(delta: list[Any]) -> list[Any]:
    """The parts of a call, each as if it had come alone: merged tokens may open a call and begin its arguments."""
    calls = dict(delta).get("tool_calls") or [None]
    return [[(key, [call] if key == "tool_calls" else value) for key, value in delta] for call in calls]


def test_scripted_tool_call_opens_like_a_real_one(tiny_engine: RunningEngine, scripted_engine: str) -> None:
    """A random model can be forced to open a call, but not to write sensible arguments for it."""
    real = tool_call_deltas(tiny_engine.url, tiny_engine.model, "Search.")
    scripted = tool_call_deltas(scripted_engine, MODEL, "<<tool>>")
    assert scripted[:2] == real[:2]
    assert scripted[2] in real
