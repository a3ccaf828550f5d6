"""The catalogue of GPUs, ``gpus.yaml``, and what vLLM can do on a GPU of a given compute capability.

The abilities are read in the source of the pinned vLLM 0.32: ``platforms/cuda.py`` for 16-bit numbers,
``get_min_capability`` of each quantisation method, and ``v1/attention/backends/triton_attn.py`` for FP8 in the cache.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import StringConstraints, model_validator

from inference.planning.errors import GpuUnknownError
from inference.registry.entry import Closed, Count, Format, Slug, Source, Text

SOURCE = Path(__file__).with_name("gpus.yaml")
MIB = 1024**2
GB = 1000**3
Capability = tuple[int, int]

CAPABILITY_SOURCE = "cuda-gpus"
BF16_CAPABILITY: Capability = (8, 0)  # below, vLLM computes in 16-bit floating point of the older kind
FP8_CAPABILITY: Capability = (8, 9)  # below, FP8 weights are served, but multiplied as 16-bit numbers
LEAST_CAPABILITY: dict[Format, Capability] = {
    "fp32": (7, 5),  # what vLLM's wheels are built for
    "bf16": (7, 5),
    "fp8": (7, 5),
    "w8a8-int8": (7, 5),
    "awq-int4": (7, 5),
    "gptq-int4": (7, 5),
    "w4a16-int4": (7, 5),
    "bnb-nf4": (7, 5),
}


class GpuModel(Closed):
    """One kind of GPU. Exactly one of the two sizes is known."""

    id: Slug
    name: Text
    memory_mib: Count | None = None
    memory_gb: Count | None = None
    memory_source: Slug
    compute_capability: Annotated[str, StringConstraints(pattern=r"^\d+\.\d$")]

    @model_validator(mode="after")
    def _has_one_size(self) -> Self:
        if (self.memory_mib is None) == (self.memory_gb is None):
            raise ValueError(f"{self.id} has either memory_mib or memory_gb")
        return self

    @property
    def memory_bytes(self) -> int:
        return self.memory_mib * MIB if self.memory_mib is not None else (self.memory_gb or 0) * GB

    @property
    def capability(self) -> Capability:
        major, _, minor = self.compute_capability.partition(".")
        return int(major), int(minor)


class GpuCatalogue(Closed):
    schema_version: Literal[1]
    sources: dict[str, Source]
    gpus: tuple[GpuModel, ...]

    @model_validator(mode="after")
    def _sources_are_there(self) -> Self:
        cited = {CAPABILITY_SOURCE, *(gpu.memory_source for gpu in self.gpus)}
        if cited != self.sources.keys():
            raise ValueError(f"sources and what cites them differ: {sorted(cited ^ self.sources.keys())}")
        return self


@lru_cache(maxsize=1)
def load_gpus() -> GpuCatalogue:
    return GpuCatalogue.model_validate_json(json.dumps(yaml.safe_load(SOURCE.read_text(encoding="utf-8"))))


def get_gpu(name: str) -> GpuModel:
    """By its id or its whole name, whatever the case. Raises GpuUnknownError, which lists the ids."""
    wanted = name.strip().lower()
    for gpu in load_gpus().gpus:
        if wanted in (gpu.id, gpu.name.lower()):
            return gpu
    raise GpuUnknownError(f"There is no GPU {name!r} in the catalogue: {', '.join(it.id for it in load_gpus().gpus)}.")


def has_bf16(capability: Capability) -> bool:
    return capability >= BF16_CAPABILITY


def has_fp8(capability: Capability) -> bool:
    """Whether the GPU multiplies FP8 numbers, and can keep them in the key-value cache."""
    return capability >= FP8_CAPABILITY
