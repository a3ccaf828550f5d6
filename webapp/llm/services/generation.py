"""One generated answer: asked, streamed, and accounted for in every outcome."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.utils import timezone

from webapp.llm.errors import LlmError
from webapp.llm.services import endpoints
from webapp.llm.services.stream import CompletionStream, Stopped
from webapp.llm.types import Delta, FinishReason, Generation, Message, ModelInfo
from webapp.usage import api as usage
from webapp.usage.types import Attribution

logger = logging.getLogger(__name__)
FINISH_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


@dataclass
class _Progress:
    """What has arrived so far."""

    text: str = ""
    finish_reason: FinishReason = "other"
    input_tokens: int | None = None
    output_tokens: int | None = None
    first_token_at: datetime | None = None


def generate(
    *,
    messages: Sequence[Message],
    attribution: Attribution,
    max_tokens: int,
    temperature: float,
    should_stop: Callable[[], bool],
) -> Iterator[Delta]:
    model = endpoints.get_model(role="generate")
    call_id = usage.open_call(kind="generate", model=model.model_name, attribution=attribution)
    progress = _Progress()
    status: Literal["ok", "failed", "cancelled"] = "failed"
    reason = "interrupted"
    started = time.monotonic()
    try:
        body = build_body(model=model, messages=messages, max_tokens=max_tokens, temperature=temperature)
        try:
            with CompletionStream(url=f"{model.base_url}/v1/chat/completions", body=body) as stream:
                for event in stream.events(should_stop=should_stop):
                    if text := _absorb(progress, event):
                        yield Delta(text=text)
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
    yield Delta(
        final=Generation(
            text=progress.text,
            model=model.name,
            finish_reason=progress.finish_reason,
            input_tokens=progress.input_tokens,
            output_tokens=progress.output_tokens,
            duration_ms=round((time.monotonic() - started) * 1000),
        )
    )


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
    """Take one event in; return the text it adds. Reasoning is not part of the answer."""
    counts = event.get("usage")
    if isinstance(counts, dict):
        progress.input_tokens = _count(counts.get("prompt_tokens"), progress.input_tokens)
        progress.output_tokens = _count(counts.get("completion_tokens"), progress.output_tokens)
    for choice in event.get("choices") or ():
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
