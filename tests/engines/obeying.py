"""What is asked of every engine: a forced tool call, an answer that obeys a schema, and requests that it has to refuse.

A random model obeys because the engine lets it write nothing else. It is asked at temperature 1 with a seed: the most
probable token of random weights is the same one again and again, and JSON allows white space without end.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field

from inference.serving.readiness import check_engine
from tests.engines.launch import RunningEngine

QUESTION = [{"role": "user", "content": "How much water does the reservoir hold?"}]
SAMPLING = {"temperature": 1.0, "seed": 20, "max_tokens": 2048}
ANSWER_SECONDS = 120


class Meter(BaseModel):
    """The arguments of the tool. Nothing in it is unbounded: random weights end no string."""

    model_config = ConfigDict(extra="forbid", strict=True)
    place: Literal["reservoir", "tower"]
    litres: int = Field(ge=0, le=999)
    urgent: bool


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(pattern="^[a-z]{1,8}$")  # xgrammar 0.2 lets raw tabs into strings bounded by maxLength
    count: int = Field(ge=1, le=9)


class Report(BaseModel):
    """An answer with a list of objects, so that its schema has a reference in it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    state: Literal["open", "closed"]
    parts: list[Part] = Field(min_length=1, max_length=3)


def build_tool(parameters: dict[str, Any], *, strict: bool) -> dict[str, Any]:
    """Without ``strict`` vLLM 0.32 forces the call of a Llama or Qwen3 model, and not what its arguments are."""
    function = {"name": "read_meter", "description": "Reads a meter.", "strict": strict, "parameters": parameters}
    return {"type": "function", "function": function}


TOOL = build_tool(Meter.model_json_schema(), strict=True)
LOOSE_TOOL = build_tool(Meter.model_json_schema(), strict=False)
NAMED = {"type": "function", "function": {"name": "read_meter"}}
ARGUMENTS = {"place": "tower", "litres": 12, "urgent": False}
# What a trained model of the family writes of its own accord, as its vendor's chat template asks for it: tokens that
# are one, and the text between them.
OWN_FORMAT = {
    "llama": (json.dumps({"name": "read_meter", "parameters": ARGUMENTS}),),
    "mistral": ("[TOOL_CALLS]", json.dumps([{"name": "read_meter", "arguments": ARGUMENTS}])),
    "qwen3": (
        "<tool_call>", "\n" + json.dumps({"name": "read_meter", "arguments": ARGUMENTS}) + "\n", "</tool_call>",
    ),
}  # fmt: skip
WHOLE_TOKENS = ("[TOOL_CALLS]", "<tool_call>", "</tool_call>")


def as_response_format(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "report", "schema": schema, "strict": True}}


REFUSED: dict[str, dict[str, Any]] = {
    "a schema of a type that does not exist": {"response_format": as_response_format({"type": "nonsense"})},
    "a schema whose properties are none": {"response_format": as_response_format({"type": "object", "properties": 7})},
    "a schema with a pattern that does not end": {
        "response_format": as_response_format({"type": "string", "pattern": "(never closed"})
    },
    "no schema where one is promised": {"response_format": {"type": "json_schema"}},
    "a tool with arguments of no type": {
        "tools": [build_tool({"type": "nonsense"}, strict=True)], "tool_choice": "required",
    },
    "a tool that was not offered": {
        "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "absent"}},
    },
    "a tool forced out of none": {"tool_choice": "required"},
    "a choice that does not exist": {"tools": [TOOL], "tool_choice": "sometimes"},
}  # fmt: skip


@dataclass(frozen=True)
class ToolCall:
    name: str
    arguments: str


def ask(engine: RunningEngine, **body: Any) -> httpx.Response:
    whole = {"model": engine.model, "messages": QUESTION, **SAMPLING, **body}
    url = f"{engine.url}/v1/chat/completions"
    return httpx.post(url, json=whole, timeout=ANSWER_SECONDS, trust_env=False)


def call_tools(engine: RunningEngine, **body: Any) -> list[ToolCall]:
    """The calls of one answer, at least one."""
    answer = ask(engine, **body)
    assert answer.status_code == 200, answer.text
    calls = answer.json()["choices"][0]["message"].get("tool_calls") or []
    assert calls, answer.text
    assert all(call["type"] == "function" and call["id"] for call in calls), answer.text
    return [ToolCall(call["function"]["name"], call["function"]["arguments"]) for call in calls]


def stream_tools(engine: RunningEngine, **body: Any) -> list[ToolCall]:
    """The same, put together from the pieces of a stream as a client does it."""
    whole = {"model": engine.model, "messages": QUESTION, "stream": True, **SAMPLING, **body}
    url = f"{engine.url}/v1/chat/completions"
    names: dict[int, str] = defaultdict(str)
    arguments: dict[int, str] = defaultdict(str)
    with httpx.stream("POST", url, json=whole, timeout=ANSWER_SECONDS, trust_env=False) as response:
        assert response.status_code == 200
        for line in response.iter_lines():
            if not line.startswith("data: {"):
                continue
            for choice in json.loads(line.removeprefix("data: "))["choices"]:
                for part in choice["delta"].get("tool_calls") or ():
                    names[part["index"]] += part["function"].get("name") or ""
                    arguments[part["index"]] += part["function"].get("arguments") or ""
    assert names, "no call was streamed"
    return [ToolCall(names[index], arguments[index]) for index in sorted(names)]


def stream_answer(engine: RunningEngine, *, max_tokens: int) -> tuple[list[str], dict[str, Any]]:
    """The pieces of text and the usage of one streamed answer, which is as long as was asked for."""
    body = {
        "model": engine.model,
        "messages": QUESTION,
        "max_tokens": max_tokens,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    pieces: list[str] = []
    usage: dict[str, Any] = {}
    url = f"{engine.url}/v1/chat/completions"
    with httpx.stream("POST", url, json=body, timeout=ANSWER_SECONDS, trust_env=False) as response:
        assert response.status_code == 200
        for line in response.iter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line.removeprefix("data: "))
            pieces += [choice["delta"].get("content") or "" for choice in chunk["choices"]]
            usage = chunk.get("usage") or usage
    return pieces, usage


def assert_is_ready_and_streams(engine: RunningEngine) -> None:
    """Its model is listed and writes one token; then pieces come, and as many tokens as are counted. How many tokens
    come in one piece is the engine's own affair."""
    readiness = check_engine(engine.url)
    assert (readiness.ready, readiness.model, readiness.reason) == (True, engine.model, "")
    pieces, usage = stream_answer(engine, max_tokens=24)
    assert usage["completion_tokens"] == 24
    assert usage["prompt_tokens"] > 5
    assert len([piece for piece in pieces if piece]) > 1, "it came in one piece"


def assert_calls_tool_when_forced(engine: RunningEngine) -> None:
    """By name and by "required", whole and streamed; the arguments are what the tool's schema says.

    One call where one is asked for by name. "required" may be several: vLLM 0.32 does not hold Mistral's to one.
    """
    for choice in (NAMED, "required"):
        forced = {"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": False}
        for calls in (call_tools(engine, **forced), stream_tools(engine, **forced)):
            assert {call.name for call in calls} == {"read_meter"}
            assert len(calls) == 1 or choice == "required"
            for call in calls:
                Meter.model_validate_json(call.arguments)


def assert_reads_own_format(engine: RunningEngine, family: str) -> None:
    """What a trained model of the family would write is understood as a call, though nobody forced one."""
    elements = [
        {"type": "token", "token": find_token(engine, part)}
        if part in WHOLE_TOKENS
        else {"type": "const_string", "value": part}
        for part in OWN_FORMAT[family]
    ]
    only = json.dumps({"type": "structural_tag", "format": {"type": "sequence", "elements": elements}})
    said = {"tools": [LOOSE_TOOL], "tool_choice": "auto", "structured_outputs": {"structural_tag": only}}
    for calls in (call_tools(engine, **said), stream_tools(engine, **said)):
        assert [(call.name, json.loads(call.arguments)) for call in calls] == [("read_meter", ARGUMENTS)]


def find_token(engine: RunningEngine, text: str) -> int:
    body = {"model": engine.model, "prompt": text, "add_special_tokens": False}
    (token,) = httpx.post(f"{engine.url}/tokenize", json=body, trust_env=False).json()["tokens"]
    return int(token)


def assert_obeys_schema(engine: RunningEngine) -> None:
    answer = ask(engine, response_format=as_response_format(Report.model_json_schema()))
    assert answer.status_code == 200, answer.text
    choice = answer.json()["choices"][0]
    assert choice["finish_reason"] == "stop", answer.text
    Report.model_validate_json(choice["message"]["content"])


def assert_refuses_what_is_wrong(engine: RunningEngine) -> None:
    """Each with 400 and a message; the engine answers afterwards as before."""
    for what, body in REFUSED.items():
        answer = ask(engine, **body)
        assert answer.status_code == 400, f"{what}: {answer.text}"
        assert answer.json()["error"]["message"], what
    assert ask(engine, max_tokens=1).status_code == 200


def assert_is_whole(engine: RunningEngine, family: str) -> None:
    """All of it, for tests that show one engine of a family."""
    assert_is_ready_and_streams(engine)
    assert_calls_tool_when_forced(engine)
    assert_reads_own_format(engine, family)
    assert_obeys_schema(engine)
    assert_refuses_what_is_wrong(engine)
