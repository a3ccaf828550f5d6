"""What goes into and comes out of a model, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["generate", "embed", "rerank"]
FinishReason = Literal["stop", "length", "stopped", "other"]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model that is active in a role. ``name`` is for people, ``model_name`` for the engine."""

    role: Role
    name: str
    base_url: str
    model_name: str
    max_context_tokens: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished answer. Token counts are the engine's own, None where it gave none."""

    text: str
    model: str
    finish_reason: FinishReason
    input_tokens: int | None
    output_tokens: int | None
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer as it arrives. The last one of a stream has ``final`` and no text."""

    text: str = ""
    final: Generation | None = None
