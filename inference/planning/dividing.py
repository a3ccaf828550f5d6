"""One GPU's memory, or one machine's, divided between the engines that share it. Pure arithmetic.

vLLM is told a share of the whole GPU (``--gpu-memory-utilization``) and fills what its weights and its own work leave
of that share with keys and values. So each engine's share is (its weights + what it works with + its part of what is
left) / the GPU's memory. Every engine uses the first GPUs, so the first one has to hold a piece of each.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inference.planning.errors import PlanningError
from inference.planning.figures import CPU_WORKING_BYTES
from inference.planning.sizing import CONTEXT_STEP, GIB, GPU_SHARE, GPU_WORKING_BYTES

MOST_EXPLICIT_SHARE = 0.95  # the driver and the proxy's own look at the GPU need the rest
DECIMALS = 1000
TINY = 1e-6  # 0.9 - 0.5 is a little less than 0.4 to a computer


class DoNotFitError(PlanningError):
    """The models do not fit side by side; the message has the figures and what to try."""


@dataclass(frozen=True)
class Sharer:
    """One engine. Bytes are of one GPU, or of the machine without one.

    ``kv_bytes_per_token`` is None where no formula describes its cache, 0 where it keeps none. ``context_tokens``: the
    longest conversation that it has to have room for, None where it takes what there is. ``share``: its part of what is
    left, beside the others' parts. ``fraction``: its share of all of the memory where appliance.yaml says so itself.
    """

    name: str
    weights_bytes: int
    kv_bytes_per_token: int | None
    context_tokens: int | None = None
    share: float = 1.0
    fraction: float | None = None
    kv_cache_bytes: int = 0

    @property
    def least_cache_bytes(self) -> int:
        """Without which the engine would not start."""
        return (self.kv_bytes_per_token or 0) * (self.context_tokens or CONTEXT_STEP)

    @property
    def keeps_cache(self) -> bool:
        return self.kv_bytes_per_token != 0


@dataclass(frozen=True)
class Portion:
    """``fraction`` is for ``--gpu-memory-utilization``, None on a CPU. ``kv_tokens``: of all its conversations
    together, None where it keeps none or no formula describes them. Other processes than engines are not known here."""

    name: str
    fraction: float | None
    weights_bytes: int
    kv_cache_bytes: int
    kv_tokens: int | None


def divide_gpu(sharers: Sequence[Sharer], gpu_bytes: int) -> tuple[Portion, ...]:
    """In the order given. One engine alone gets what it always got. Raises DoNotFitError."""
    explicit = sum(each.fraction for each in sharers if each.fraction is not None)
    free_to_choose = [each for each in sharers if each.fraction is None]
    if len(sharers) > 1 and explicit > MOST_EXPLICIT_SHARE:
        names = _name([each for each in sharers if each.fraction is not None])
        raise DoNotFitError(
            f"memory_fraction of {names} are {explicit:.2f} of the GPU's memory together, and {MOST_EXPLICIT_SHARE} is "
            "the most. Lower them in appliance.yaml."
        )
    bytes_left = int(gpu_bytes * max(0.0, GPU_SHARE - explicit))
    bytes_left -= sum(each.weights_bytes + GPU_WORKING_BYTES for each in free_to_choose)
    wanted = sum(each.least_cache_bytes for each in free_to_choose)
    if free_to_choose and bytes_left < wanted and len(sharers) > 1:
        raise DoNotFitError(_explain_gpu(sharers, gpu_bytes, explicit))
    shares = sum(each.share for each in free_to_choose if each.keeps_cache)
    portions = []
    for each in sharers:
        fraction = each.fraction
        if fraction is None:
            part = max(0, bytes_left) * each.share / shares if each.keeps_cache else 0.0
            needed = each.weights_bytes + GPU_WORKING_BYTES + part
            fraction = GPU_SHARE if len(sharers) == 1 else _round(needed / gpu_bytes, up=not each.keeps_cache)
        cache = int(gpu_bytes * fraction) - each.weights_bytes - GPU_WORKING_BYTES if each.keeps_cache else 0
        if cache < each.least_cache_bytes and len(sharers) > 1:
            raise DoNotFitError(_explain_one(each, fraction, gpu_bytes, cache))
        portions.append(_portion(each, fraction, max(0, cache)))
    return tuple(portions)


def divide_machine(sharers: Sequence[Sharer], memory_bytes: int) -> tuple[Portion, ...]:
    """On a CPU each has the cache that appliance.yaml gives it. Raises DoNotFitError."""
    needed = sum(each.weights_bytes + each.kv_cache_bytes + CPU_WORKING_BYTES for each in sharers)
    if len(sharers) > 1 and needed > memory_bytes:
        each_of = "; ".join(
            f"{each.name} {_gib(each.weights_bytes)} of weights, {_gib(each.kv_cache_bytes)} of cache, "
            f"{_gib(CPU_WORKING_BYTES)} to work"
            for each in sharers
        )
        raise DoNotFitError(
            f"The engines need {_gib(needed)} of memory together, and this machine has {_gib(memory_bytes)}: {each_of}."
            " Lower kv_cache_gib, choose smaller or quantised models, or take one out of further_models."
        )
    return tuple(_portion(each, None, each.kv_cache_bytes) for each in sharers)


def _portion(sharer: Sharer, fraction: float | None, cache: int) -> Portion:
    per_token = sharer.kv_bytes_per_token
    return Portion(sharer.name, fraction, sharer.weights_bytes, cache, cache // per_token if per_token else None)


def _round(fraction: float, *, up: bool) -> float:
    """Three decimals. Down where a cache takes what is left, so that all together never want more than there is."""
    return (math.ceil(fraction * DECIMALS - TINY) if up else math.floor(fraction * DECIMALS + TINY)) / DECIMALS


def _explain_gpu(sharers: Sequence[Sharer], gpu_bytes: int, explicit: float) -> str:
    parts = []
    for each in sharers:
        if each.fraction is not None:
            parts.append(f"{each.name} is given {each.fraction:.2f} of it")
            continue
        cache = f", {_gib(each.least_cache_bytes)} for its shortest useful cache" if each.keeps_cache else ""
        parts.append(f"{each.name} {_gib(each.weights_bytes)} of weights, {_gib(GPU_WORKING_BYTES)} to work{cache}")
    usable = gpu_bytes * max(GPU_SHARE, explicit)
    return (
        f"The engines do not fit the GPU together: {_gib(gpu_bytes)} of memory, of which {_gib(usable)} are used. "
        f"{'; '.join(parts)}. Choose smaller or quantised models, a shorter max_context_tokens, kv_cache_dtype: fp8, "
        "or take one out of further_models."
    )


def _explain_one(sharer: Sharer, fraction: float, gpu_bytes: int, cache: int) -> str:
    return (
        f"{sharer.name} gets {fraction:.3f} of the GPU's {_gib(gpu_bytes)}: after {_gib(sharer.weights_bytes)} of "
        f"weights and {_gib(GPU_WORKING_BYTES)} to work, {_gib(max(0, cache))} are left for its cache, and "
        f"{sharer.context_tokens or CONTEXT_STEP:,} tokens need {_gib(sharer.least_cache_bytes)}. Raise its "
        f"{'memory_fraction' if sharer.fraction is not None else 'memory_share'}, or lower its max_context_tokens."
    )


def _name(sharers: Sequence[Sharer]) -> str:
    return " and ".join(each.name for each in sharers)


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
