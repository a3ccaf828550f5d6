"""The model to serve, as a value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inference.registry.options import DEFAULT_OPTIONS, Options

Device = Literal["cpu", "cuda"]
Source = Literal["directory", "hub"]
KvCacheDtype = Literal["auto", "fp8"]
Purpose = Literal["generation", "embedding", "reranking"]


@dataclass(frozen=True)
class ModelSpec:
    """Where a model comes from and how it is served.

    A ``hub`` model has a ``path`` only once it is on this machine (see :mod:`inference.registry.fetched`); its family,
    which decides the tool parser, is known for certain from then on. ``quantization`` is what the engine must be told:
    None also for checkpoints which say it themselves. ``max_context_tokens`` None lets the engine take what fits.
    ``tensor_parallel``: how many GPUs share each layer; ``pipeline_parallel``: how many stages the layers are split
    into. ``kv_cache_dtype``: auto keeps keys and values
    as the model computes them, fp8 halves them.
    ``text_only``: it could read pictures too, and that part of it is not loaded.
    ``purpose``: what of; one that embeds or reranks writes nothing. ``ranks_by_words``: a model that writes, whose
    score is how much likelier it would write yes than no.
    ``enforce_eager``: no compilation, for machines without a C++ compiler; it starts faster, answers slower.
    ``options``: what the operator set of how the engine runs; ``adapter_rank``: what the largest of its adapters needs;
    ``draft_bytes``: what the engine keeps of the smaller model that guesses ahead.
    """

    name: str
    source: Source
    device: Device
    path: Path | None = None
    hub_id: str | None = None
    revision: str | None = None
    family: str | None = None
    quantization: Literal["bitsandbytes"] | None = None
    max_context_tokens: int | None = None
    served_name: str = ""
    tool_parser: str | None = None
    reasoning_parser: str | None = None
    licence: str | None = None
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    kv_cache_dtype: KvCacheDtype = "auto"
    text_only: bool = False
    purpose: Purpose = "generation"
    ranks_by_words: bool = False
    enforce_eager: bool = False
    options: Options = DEFAULT_OPTIONS
    adapter_rank: int | None = None
    draft_bytes: int = 0

    def __post_init__(self) -> None:
        if not self.served_name:
            object.__setattr__(self, "served_name", self.name)

    @property
    def draft(self) -> Path | None:
        """The directory of the smaller model that guesses ahead."""
        return self.options.speculative.draft if self.options.speculative else None

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every directory that the engine loads from, the model's first."""
        beside = [adapter.path for adapter in self.options.adapters] + ([self.draft] if self.draft else [])
        return (*([self.path] if self.path else []), *beside)
