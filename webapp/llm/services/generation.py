"""One generated answer: asked, streamed, and accounted for in every outcome."""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.utils import timezone

from webapp.llm.errors import EngineUnavailable, LlmError
from webapp.llm.services import endpoints, routing
from webapp.llm.services.stream import CompletionStream, Stopped
from webapp.llm.types import Delta, FinishReason, Generation, Message, ModelInfo
from webapp.usage import api as usage
from webapp.usage.types import Attribution

logger = logging.getLogger(__name__)
FINISH_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
GIVEN_UP = "abort"  # vLLM's word for what it cut off


@dataclass
class _Progress:
    """What has arrived so far. ``asked_at``: before the first try, because the reader has waited since."""

    text: str = ""
    finish_reason: FinishReason = "other"
    input_tokens: int | None = None
    output_tokens: int | None = None
    first_token_at: datetime | None = None
    asked_at: float = 0.0


def generate(
    *,
    messages: Sequence[Message],
    attribution: Attribution,
    max_tokens: int,
    temperature: float,
    affinity: str,
    should_stop: Callable[[], bool],
) -> Iterator[Delta]:
    """Each try is a call of its own in the usage. The next endpoint is tried only while nothing has been yielded."""
    asked_at = time.monotonic()
    known = endpoints.list_endpoints(role="generate")
    tried: list[ModelInfo] = []
    failure: LlmError | None = None
    while True:
        with routing.taking(known, tried=tried, affinity=affinity) as endpoint:
            if endpoint is None:
                break
            if failure is not None:
                logger.warning("%s did not answer, %s is asked: %s", tried[-1].base_url, endpoint.base_url, failure)
            progress = _Progress(asked_at=asked_at)
            body = build_body(model=endpoint, messages=messages, max_tokens=max_tokens, temperature=temperature)
            try:
                final = yield from _try(endpoint, body, progress, attribution, should_stop)
            except LlmError as error:
                if progress.text or not routing.is_endpoints_fault(error):
                    raise
                failure = error
                tried.append(endpoint)
                continue
        yield final
        return
    if failure is not None:
        raise failure


def _try(
    endpoint: ModelInfo,
    body: dict[str, Any],
    progress: _Progress,
    attribution: Attribution,
    should_stop: Callable[[], bool],
) -> Generator[Delta, None, Delta]:
    """One call of one endpoint, settled in every outcome. Returns what ends the answer."""
    call_id = usage.open_call(kind="generate", model=endpoint.model_name, attribution=attribution)
    status: Literal["ok", "failed", "cancelled"] = "failed"
    reason = "interrupted"
    try:
        with routing.attempting(endpoint) as attempt:
            with CompletionStream(url=f"{endpoint.base_url}/v1/chat/completions", body=body) as stream:
                for event in stream.events(should_stop=should_stop):
                    if text := _absorb(progress, event):
                        if text == progress.text:
                            attempt.began_to_answer()
                        yield Delta(text=text, model=endpoint.name, is_fallback=endpoint.is_fallback)
            attempt.succeeded()
        status, reason = "ok", ""
    except Stopped:
        status, reason, progress.finish_reason = "cancelled", "", "stopped"
    except LlmError as error:
        reason = str(error)
        raise
    except GeneratorExit:
        status, reason = "cancelled", ""
        raise
    finally:
        usage.settle_call(
            call_id=call_id,
            status=status,
            input_tokens=progress.input_tokens,
            output_tokens=progress.output_tokens,
            first_token_at=progress.first_token_at,
            error=reason,
        )
    final = Generation(
        text=progress.text,
        model=endpoint.name,
        finish_reason=progress.finish_reason,
        input_tokens=progress.input_tokens,
        output_tokens=progress.output_tokens,
        duration_ms=round((time.monotonic() - progress.asked_at) * 1000),
        is_fallback=endpoint.is_fallback,
    )
    return Delta(model=endpoint.name, is_fallback=endpoint.is_fallback, final=final)


def build_body(*, model: ModelInfo, messages: Sequence[Message], max_tokens: int, temperature: float) -> dict[str, Any]:
    """The request. Counts are asked for with every piece, so that a broken stream is counted too.

    ``chat_template_kwargs`` of the endpoint's detail go along, for example ``{"enable_thinking": false}`` for Qwen3.
    """
    body: dict[str, Any] = {
        "model": model.model_name,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "max_tokens": max_tokens,
        "temperature": temperature,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }
    if template_arguments := model.detail.get("chat_template_kwargs"):
        body["chat_template_kwargs"] = template_arguments
    return body


def _absorb(progress: _Progress, event: dict[str, Any]) -> str:
    """Take one event in; return the text it adds. Reasoning is not part of the answer.

    Raises EngineUnavailable for an answer that the engine gave up, which is not whole however well it was sent.
    """
    counts = event.get("usage")
    if isinstance(counts, dict):
        progress.input_tokens = _count(counts.get("prompt_tokens"), progress.input_tokens)
        progress.output_tokens = _count(counts.get("completion_tokens"), progress.output_tokens)
    for choice in event.get("choices") or ():
        if choice.get("finish_reason") == GIVEN_UP:
            raise EngineUnavailable("the model's server gave the answer up: it is stopping")
        if choice.get("finish_reason"):
            progress.finish_reason = FINISH_REASONS.get(choice["finish_reason"], "other")
        text = (choice.get("delta") or {}).get("content") or ""
        if text:
            text = str(text).replace("\x00", "")
            progress.first_token_at = progress.first_token_at or timezone.now()
            progress.text += text
            return text
    return ""


def _count(value: object, previous: int | None) -> int | None:
    return value if isinstance(value, int) and value >= 0 else previous
