"""The figures of one model on one machine. Pure arithmetic over :mod:`inference.planning.sizing`."""

from dataclasses import dataclass
from typing import Literal

from inference.planning.candidate import Candidate
from inference.planning.errors import FactMissingError
from inference.planning.node import CpuNode, Node, Question
from inference.planning.sharing import choose_tensor_parallel
from inference.planning.sizing import CONTEXT_STEP, GIB, GPU_WORKING_BYTES
from inference.planning.stages import add_to_last, list_stage_bytes
from inference.registry.spec import ModelSpec
from inference.serving.options import MAX_RUNNING

REFERENCE_CONTEXT_TOKENS = 16384
LEAST_CONTEXT_TOKENS = 256  # the shortest context that may be asked for
CPU_WORKING_BYTES = 2 * GIB  # what the engine's processes take beside weights and cache
KV_VALUE_BYTES = {"auto": 2, "fp8": 1}
Shortfall = Literal["weights", "cache", "positions"]


@dataclass(frozen=True)
class Figures:
    """Bytes are of one GPU, in a pipeline of the one with the least left for its cache; or of the machine without one.
    ``kv_tokens``: of all conversations together;
    ``concurrent_requests``: of ``context_tokens`` each, no more than the engine lets run. ``shortfall`` is what is too
    small, None where all fits."""

    tensor_parallel: int
    weights_bytes: int
    kv_bytes_per_token: int
    kv_budget_bytes: int
    kv_tokens: int
    longest_context_tokens: int
    context_tokens: int
    concurrent_requests: int
    shortfall: Shortfall | None
    pipeline_parallel: int = 1


def compute_figures(candidate: Candidate, node: Node, question: Question) -> Figures:
    """Raises PlanningError where the formulas do not hold or a fact is missing."""
    architecture = candidate.architecture
    parallel = choose_tensor_parallel(candidate, node, question.tensor_parallel, question.pipeline_parallel)
    stages = list_stage_bytes(
        architecture, candidate.format, tensor_parallel=parallel, pipeline_parallel=question.pipeline_parallel,
        value_bytes=KV_VALUE_BYTES[question.kv_cache_dtype], bits=candidate.weight_bits,
    )  # fmt: skip
    stages = add_to_last(stages, (candidate.draft_bytes, candidate.draft_token_bytes))
    weights, per_token = min(stages, key=lambda each: compute_kv_budget_bytes(node, each[0], question) / each[1])
    budget = max(0, compute_kv_budget_bytes(node, weights, question))
    known = candidate.native_tokens or architecture.max_positions
    if known is None:
        raise FactMissingError("max_positions is not known.")
    tokens = budget // per_token
    longest = _round_down(min(tokens, known))
    context = question.context_tokens or min(choose_context(candidate, node, longest), known)
    return Figures(
        tensor_parallel=parallel,
        weights_bytes=weights,
        kv_bytes_per_token=per_token,
        kv_budget_bytes=budget,
        kv_tokens=tokens,
        longest_context_tokens=longest,
        context_tokens=context,
        concurrent_requests=min(tokens // context, count_running(candidate, node)) if context <= known else 0,
        shortfall=_find_shortfall(budget, tokens, context, known),
        pipeline_parallel=question.pipeline_parallel,
    )


def choose_context(candidate: Candidate, node: Node, longest: int) -> int:
    """What one conversation is counted as where nobody says: on a CPU, what the appliance itself would serve, which is
    no more than the ``longest`` that fits. On a GPU it is what makes a model worth the card."""
    if not isinstance(node, CpuNode):
        return REFERENCE_CONTEXT_TOKENS
    offered = find_offered_context(candidate.spec, node)
    if offered is not None or longest < LEAST_CONTEXT_TOKENS:
        return offered or REFERENCE_CONTEXT_TOKENS
    return min(longest, REFERENCE_CONTEXT_TOKENS)


def find_offered_context(spec: ModelSpec | None, node: Node) -> int | None:
    """What it is served with where it is chosen by itself, which is on one kind of machine only; None anywhere else."""
    device = "cpu" if isinstance(node, CpuNode) else "cuda"
    return spec.max_context_tokens if spec is not None and spec.device == device else None


def count_running(candidate: Candidate, node: Node) -> int:
    """Requests at once, as ``--max-num-seqs`` will say."""
    said = candidate.spec.options.max_running if candidate.spec is not None else None
    return said or MAX_RUNNING["cpu" if isinstance(node, CpuNode) else "cuda"]


def compute_kv_budget_bytes(node: Node, weights: int, question: Question) -> int:
    """What is left for keys and values; on a CPU it is a setting, and there is none where the machine cannot hold it
    beside the weights. Negative where the weights alone are too big."""
    if isinstance(node, CpuNode):
        fits = weights + node.kv_cache_bytes + CPU_WORKING_BYTES <= node.memory_bytes
        return node.kv_cache_bytes if fits else 0
    return int(node.memory_bytes * question.memory_fraction) - GPU_WORKING_BYTES - weights


def _find_shortfall(budget: int, tokens: int, context: int, known: int) -> Shortfall | None:
    if context > known:
        return "positions"
    if budget == 0:
        return "weights"
    return "cache" if tokens < context else None


def _round_down(tokens: int) -> int:
    return tokens // CONTEXT_STEP * CONTEXT_STEP if tokens > CONTEXT_STEP else tokens
