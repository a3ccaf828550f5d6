"""Why a model does not fit, and what to try next: words, each tried out on the same arithmetic before it is given."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from inference.planning.candidate import Candidate, can_convert, convert
from inference.planning.errors import PlanningError
from inference.planning.figures import CPU_WORKING_BYTES, Figures, compute_figures
from inference.planning.gpus import LEAST_CAPABILITY, has_fp8, load_gpus
from inference.planning.node import CpuNode, GpuNode, Node, Question, build_gpu_node
from inference.planning.sharing import is_unsure
from inference.planning.sizing import GIB
from inference.registry.families import reads_pictures

MOST_GPUS = 8  # in one machine


@dataclass(frozen=True)
class Refusal:
    """Sentences."""

    reason: str
    next_step: str


def find_refusal(candidate: Candidate, node: Node, question: Question) -> Refusal | None:
    """What this kind of GPU, or a CPU, cannot do; None where it can."""
    if not isinstance(node, GpuNode):
        if not reads_pictures(candidate.architecture.class_name):
            return None
        return Refusal(
            "It is of models that read pictures too, which need a GPU also for text alone.",
            "Name a GPU with --gpu, or choose a model that reads text only.",
        )
    least = LEAST_CAPABILITY[candidate.format]
    if node.capability < least:
        return Refusal(
            f"{node.name} has compute capability {_dotted(node.capability)}; vLLM needs {_dotted(least)} for this.",
            "Choose another GPU or other weights.",
        )
    if question.kv_cache_dtype == "fp8" and not has_fp8(node.capability):
        return Refusal(
            f"{node.name} cannot keep FP8 in its cache: that needs compute capability 8.9.",
            "Leave --kv-cache-dtype out, or choose another GPU.",
        )
    return None


def explain(candidate: Candidate, node: Node, figures: Figures) -> str:
    """The shortfall in words; empty where there is none."""
    weights, context = figures.weights_bytes, figures.context_tokens
    if figures.shortfall == "positions":
        return f"{candidate.model} knows {_count_known(candidate):,} tokens of context, not {context:,}."
    if figures.shortfall == "weights" and isinstance(node, CpuNode):
        needed = weights + node.kv_cache_bytes + CPU_WORKING_BYTES
        return f"It needs {_gib(needed)} of memory with its cache; this machine has {_gib(node.memory_bytes)}."
    if figures.shortfall == "weights":
        return (
            f"Its weights take {_gib(weights)} of each GPU's {_gib(node.memory_bytes)}: nothing is left for its cache."
        )
    if figures.shortfall == "cache":
        return f"Its cache holds {figures.kv_tokens:,} tokens, less than one conversation of {context:,}."
    return ""


def suggest(candidate: Candidate, node: Node, question: Question, figures: Figures) -> str:
    """The next things to try, those that would help by the same figures; empty where nothing is short."""
    if figures.shortfall is None:
        return ""
    if figures.shortfall == "positions":
        return f"Ask for --context {_count_known(candidate)} or less."
    options = list(_list_options(candidate, node, question, figures))
    return f"Try {', or '.join(options)}." if options else "Choose a smaller model."


def _list_options(candidate: Candidate, node: Node, question: Question, figures: Figures) -> Iterator[str]:
    if figures.longest_context_tokens >= 1024:
        yield f"--context {figures.longest_context_tokens}"
    smaller = replace(question, kv_cache_dtype="fp8")
    if question.kv_cache_dtype == "auto" and _fits(candidate, node, smaller):
        yield "--kv-cache-dtype fp8"
    if can_convert(candidate) and _fits(convert(candidate), node, question):
        yield "its 4-bit weights"
    if isinstance(node, GpuNode):
        yield from _list_bigger(candidate, node, question)
    else:
        yield from _list_caches(candidate, node, question, figures)


def _list_caches(candidate: Candidate, node: CpuNode, question: Question, figures: Figures) -> Iterator[str]:
    """The cache that the conversation needs, or the largest that there is memory for, in tenths of a GiB."""
    if figures.shortfall == "cache":
        tenths = math.ceil(figures.kv_bytes_per_token * figures.context_tokens / GIB * 10)
    else:
        tenths = (node.memory_bytes - figures.weights_bytes - CPU_WORKING_BYTES) * 10 // GIB
    if tenths > 0 and _fits(candidate, replace(node, kv_cache_bytes=int(tenths / 10 * GIB)), question):
        yield f"model.kv_cache_gib: {tenths / 10:g} in appliance.yaml"


def _list_bigger(candidate: Candidate, node: GpuNode, question: Question) -> Iterator[str]:
    """The fewest of the same GPUs, and the smallest other GPU, that would do."""
    for count in range(node.count + 1, MOST_GPUS + 1):
        if _fits(candidate, replace(node, count=count), replace(question, tensor_parallel=None)):
            yield f"--count {count}"
            break
    for gpu in sorted(load_gpus().gpus, key=lambda gpu: gpu.memory_bytes):
        other = build_gpu_node(gpu, count=node.count)
        if gpu.memory_bytes > node.memory_bytes and _fits(candidate, other, question):
            yield f"--gpu {gpu.id}" + (f" --count {node.count}" if node.count > 1 else "")
            break


def _fits(candidate: Candidate, node: Node, question: Question) -> bool:
    if find_refusal(candidate, node, question) is not None:
        return False
    try:
        figures = compute_figures(candidate, node, question)
    except PlanningError:
        return False
    return figures.shortfall is None and not is_unsure(candidate, figures.tensor_parallel, node)


def _count_known(candidate: Candidate) -> int:
    return candidate.native_tokens or candidate.architecture.max_positions or 0


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


def _dotted(capability: tuple[int, int]) -> str:
    return ".".join(str(part) for part in capability)
