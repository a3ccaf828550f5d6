"""What goes into and comes out of a model, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["generate", "embed", "rerank"]
Place = Literal["primary", "added", "fallback", "further"]
FURTHER_PREFIX = "/engines/"
MAIN_ENGINE = "model"
# In Meta's own words, which are not translated: every Llama community licence asks for them.
LLAMA_ATTRIBUTION = "Built with Llama"
FinishReason = Literal["stop", "length", "stopped", "other"]


def split_address(base_url: str) -> tuple[str, str]:
    """Where the proxy is, and which of the engines behind it: ``model``, or the name of a further one."""
    host, separator, name = base_url.partition(FURTHER_PREFIX)
    return (host, name) if separator else (base_url, MAIN_ENGINE)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that is active in a role, at one address. ``name`` is for people, ``model_name`` for the engine.

    ``place``: "primary" and "added" serve the role's model, "fallback" another one that answers when none of them can,
    "further" ones run beside it and are asked nothing.
    """

    role: Role
    name: str
    base_url: str
    model_name: str
    max_context_tokens: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    place: Place = "primary"

    @property
    def is_fallback(self) -> bool:
        return self.place == "fallback"

    @property
    def host_url(self) -> str:
        """Of the proxy that the model stands behind."""
        return split_address(self.base_url)[0]

    @property
    def attribution(self) -> str:
        """What the model's licence wants to be shown where the model is used; empty when nothing is known to be.

        Whoever registers the model says it, in every layout; a Llama licence is known without it."""
        if display := self.detail.get("display"):
            return str(display)
        return LLAMA_ATTRIBUTION if str(self.detail.get("licence") or "").startswith("llama") else ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished answer. Token counts are the engine's own, None where it gave none. ``is_fallback``: it is by the
    fallback model, because the role's own could not answer."""

    text: str
    model: str
    finish_reason: FinishReason
    input_tokens: int | None
    output_tokens: int | None
    duration_ms: int
    is_fallback: bool = False


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer as it arrives, and who gives it. The last one of a stream has ``final`` and no text."""

    text: str = ""
    model: str = ""
    is_fallback: bool = False
    final: Generation | None = None
