"""vLLM's chat wire format as values: chunks, answers, errors. ``tests/serving`` compares them with the real ones."""

import json
from typing import Any

FINGERPRINT = "scripted-test-engine"
Object = dict[str, Any]


def build_usage(prompt_tokens: int, completion_tokens: int) -> Object:
    """As in a stream."""
    return {
        "prompt_tokens": prompt_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "completion_tokens": completion_tokens,
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def build_whole_usage(prompt_tokens: int, completion_tokens: int) -> Object:
    """As in an answer that is not streamed."""
    usage = build_usage(prompt_tokens, completion_tokens)
    details = usage.pop("completion_tokens_details")
    return {**usage, "prompt_tokens_details": None, "completion_tokens_details": details}


def _chunk_head(identity: str, created: int, model: str) -> Object:
    return {"id": identity, "object": "chat.completion.chunk", "created": created, "model": model}


def build_first_chunk(identity: str, created: int, model: str, usage: Object | None) -> Object:
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    chunk = {**_chunk_head(identity, created, model), "choices": [choice]}
    if usage is not None:
        chunk["usage"] = usage
    return {**chunk, "prompt_token_ids": None, "prompt_text": None}


def build_chunk(
    identity: str, created: int, model: str, delta: Object, *, finish_reason: str | None, usage: Object | None
) -> Object:
    choice: Object = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    if finish_reason is not None:
        choice["stop_reason"] = None
    chunk = {**_chunk_head(identity, created, model), "choices": [{**choice, "token_ids": None}]}
    return chunk if usage is None else {**chunk, "usage": usage}


def build_tool_call_deltas(call: Object) -> list[Object]:
    """A streamed call: its name, then its arguments piece by piece, then an empty delta for the finish reason."""
    arguments = call["function"]["arguments"]
    middle = len(arguments) // 2
    opening = {"id": call["id"], "type": "function", "index": 0, "function": {"name": call["function"]["name"]}}
    parts = [{"index": 0, "function": {"arguments": part}} for part in (arguments[:middle], arguments[middle:])]
    return [*({"content": None, "tool_calls": [part]} for part in (opening, *parts)), {}]


def build_usage_chunk(identity: str, created: int, model: str, usage: Object) -> Object:
    return {**_chunk_head(identity, created, model), "choices": [], "usage": usage}


def build_answer(
    identity: str,
    created: int,
    model: str,
    *,
    content: str | None,
    tool_calls: list[Object],
    finish_reason: str,
    usage: Object,
) -> Object:
    message: Object = {
        "role": "assistant",
        "content": content,
        "refusal": None,
        "annotations": None,
        "audio": None,
        "function_call": None,
        "reasoning": None,
    }
    if tool_calls:
        message["tool_calls"] = tool_calls
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish_reason,
        "stop_reason": None,
        "token_ids": None,
        "routed_experts": None,
    }
    return {
        "id": identity,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        "service_tier": None,
        "system_fingerprint": FINGERPRINT,
        "usage": usage,
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "prompt_text": None,
        "kv_transfer_params": None,
        "ec_transfer_params": None,
        "metrics": None,
    }


def build_error(status: int, message: str, *, param: str | None = None, kind: str | None = None) -> Object:
    kinds = {404: "NotFoundError", 400: "BadRequestError", 503: "ServiceUnavailableError"}
    name = kind or kinds.get(status, "InternalServerError")
    return {"error": {"message": message, "type": name, "param": param, "code": status}}


def build_model_list(model: str, created: int, max_tokens: int) -> Object:
    permission = {
        "id": f"modelperm-{FINGERPRINT}",
        "object": "model_permission",
        "created": created,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    card = {
        "id": model,
        "object": "model",
        "created": created,
        "owned_by": "scripted",
        "root": model,
        "parent": None,
        "max_model_len": max_tokens,
        "permission": [permission],
    }
    return {"object": "list", "data": [card]}


def build_metrics(model: str, running: int, waiting: int) -> bytes:
    """The two gauges of vLLM's ``/metrics`` that say how loaded the engine is."""
    labels = f'{{engine="0",model_name="{model}"}}'
    lines = [f"vllm:num_requests_running{labels} {running:.1f}", f"vllm:num_requests_waiting{labels} {waiting:.1f}"]
    return ("\n".join(lines) + "\n").encode()


def encode_event(value: Object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


DONE_EVENT = b"data: [DONE]\n\n"
