"""What a plan is made for: the GPUs or the CPU of one machine, and what is asked of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.planning.gpus import Capability, GpuModel
from inference.planning.sizing import GPU_SHARE
from inference.registry.machine import Gpu
from inference.registry.spec import KvCacheDtype


@dataclass(frozen=True)
class GpuNode:
    """``count`` GPUs of one kind in one machine."""

    name: str
    memory_bytes: int
    capability: Capability
    count: int = 1


@dataclass(frozen=True)
class CpuNode:
    """``kv_cache_bytes``: the setting model.kv_cache_gib, which on a CPU is the whole cache."""

    memory_bytes: int
    kv_cache_bytes: int


Node = GpuNode | CpuNode


@dataclass(frozen=True)
class Question:
    """``context_tokens`` None asks for the reference length, or for as much as the model knows if that is less;
    ``tensor_parallel`` None uses as many of the GPUs as divide the model's heads.
    ``pipeline_parallel``: how many stages the layers are split into, each with GPUs of its own."""

    context_tokens: int | None = None
    kv_cache_dtype: KvCacheDtype = "auto"
    tensor_parallel: int | None = None
    memory_fraction: float = GPU_SHARE
    pipeline_parallel: int = 1


def build_gpu_node(gpu: GpuModel, *, count: int) -> GpuNode:
    return GpuNode(gpu.name, gpu.memory_bytes, gpu.capability, count)


def find_gpu_node(gpus: Sequence[Gpu]) -> GpuNode | None:
    """The machine's GPUs, those like the one with the most memory: a model is not spread over different kinds."""
    if not gpus:
        return None
    best = max(gpus, key=lambda gpu: gpu.memory_bytes)
    alike = [gpu for gpu in gpus if gpu.name == best.name]
    least = min(gpu.memory_bytes for gpu in alike)
    return GpuNode(best.name, least, best.compute_capability, len(alike))
