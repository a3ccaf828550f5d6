"""What the command line asks of a comparison: one JSON document, read strictly. Pure."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Named(Part):
    """One of the two models. ``reference`` is how people name it; ``manifest_sha256`` is what the check before found,
    None where nothing could be recorded. ``quantization``: load it in 4 bits, whatever its files are."""

    reference: str
    path: Path
    hub_id: str | None = None
    revision: str | None = None
    manifest_sha256: str | None = None
    quantization: Literal["bitsandbytes"] | None = None


class Serving(Part):
    """How the appliance serves models, from its settings."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    kv_cache_gib: float = 1.0
    tensor_parallel: int = 1
    kv_cache_dtype: Literal["auto", "fp8"] = "auto"
    memory_fraction: float | None = None
    start_timeout_seconds: float = 600


class Request(Part):
    """``context_tokens`` is of one request; a window of the text is at most as long, less one. ``folder`` is for the
    engines' caches and logs, and is whoever asked's to remove."""

    schema_version: Literal[1] = 1
    parent: Named
    child: Named
    models_dir: Path
    folder: Path
    root: Path
    text_file: Path
    questions_file: Path
    serving: Serving = Serving()
    is_recorded_parent: bool | None = None
    context_tokens: Annotated[int, Field(ge=256)] = 4096
    window_tokens: Annotated[int, Field(ge=16)] = 2048
    timed_requests: Annotated[int, Field(ge=3)] = 9
    timed_prompt_tokens: Annotated[int, Field(ge=8)] = 256
    timed_answer_tokens: Annotated[int, Field(ge=8)] = 64
