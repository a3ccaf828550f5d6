"""How an engine runs, whichever model it has: what ``appliance.yaml`` says below ``model``, as a value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SpeculativeMethod = Literal["ngram", "draft_model"]
StructuredOutputs = Literal["auto", "xgrammar", "guidance"]


@dataclass(frozen=True)
class Speculative:
    """``tokens`` are guessed at a time: by ngram from what stands in the conversation already, by draft_model with the
    smaller model in ``draft``."""

    method: SpeculativeMethod
    tokens: int
    draft: Path | None = None


@dataclass(frozen=True)
class Nodes:
    """Machines that hold one model together. Rank 0 answers; the others are told by it, at its address and port, what
    to compute. ``address`` and ``interface`` are this machine's in the network between them."""

    count: int = 1
    rank: int = 0
    head_address: str | None = None
    address: str | None = None
    interface: str | None = None
    port: int = 29501

    @property
    def is_headless(self) -> bool:
        return self.rank > 0


ONE_NODE = Nodes()


@dataclass(frozen=True)
class NamedAdapter:
    """A LoRA adapter that is asked for by its name, as a model is."""

    name: str
    path: Path


@dataclass(frozen=True)
class Options:
    """``tool_parser`` and ``reasoning_parser`` None are the model's own; "none" is none at all.

    ``max_running`` and ``max_waiting`` count requests, ``max_waiting_tokens`` the tokens of questions not read yet;
    None is what :mod:`inference.serving.argv` takes for the device, and no limit for the tokens.
    """

    tool_parser: str | None = None
    reasoning_parser: str | None = None
    prefix_caching: bool = True
    speculative: Speculative | None = None
    adapters: tuple[NamedAdapter, ...] = ()
    nodes: Nodes = ONE_NODE
    structured_outputs: StructuredOutputs = "auto"
    max_running: int | None = None
    max_waiting: int | None = None
    max_waiting_tokens: int | None = None


DEFAULT_OPTIONS = Options()
