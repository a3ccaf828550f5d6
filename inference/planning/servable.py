"""Whether an engine could serve what is asked of it, as far as arithmetic can tell: asked before every start.

vLLM would find out too, minutes later and in many lines. What no formula describes is left to it.
"""

import json
from dataclasses import replace
from typing import Any

from inference.planning.advice import explain
from inference.planning.candidate import Candidate
from inference.planning.config import read_facts
from inference.planning.errors import CannotShareError, PlanningError
from inference.planning.figures import compute_figures
from inference.planning.gpus import FP8_CAPABILITY, Capability
from inference.planning.need import build_draft_spec, measure_draft
from inference.planning.node import CpuNode, GpuNode, Node, Question, find_gpu_node
from inference.planning.sharing import choose_tensor_parallel
from inference.planning.sizing import GPU_SHARE, GPU_WORKING_BYTES
from inference.planning.stages import split_layers
from inference.registry.errors import ModelError
from inference.registry.machine import MachineFacts
from inference.registry.spec import ModelSpec

TOLERANCE = 1.05  # what the formulas may be off by, in the engine's favour
STRETCHED = frozenset({"yarn", "linear", "dynamic", "longrope", "su"})


class CannotServeError(ModelError):
    """The engine would not start with this model as appliance.yaml asks for it."""


def require_servable(
    spec: ModelSpec, machine: MachineFacts, *, kv_cache_bytes: int, memory_fraction: float | None, is_alone: bool = True
) -> None:
    """Raises CannotServeError in the planner's own words. ``is_alone``: no other model shares the memory, which is
    divided elsewhere."""
    if spec.path is None or spec.purpose != "generation":
        return
    config = json.loads((spec.path / "config.json").read_text(encoding="utf-8"))
    candidate = _build_candidate(spec, config)
    if candidate is None:
        return
    gpu = find_gpu_node(machine.gpus)
    _require_sharing(candidate, spec, gpu.capability if gpu else FP8_CAPABILITY)
    if spec.draft is not None:
        _require_draft_sharing(spec, gpu.capability if gpu else FP8_CAPABILITY)
    if is_alone and spec.max_context_tokens is not None and spec.options.nodes.count == 1:
        draft = measure_draft(spec)
        candidate = replace(candidate, draft_bytes=draft.weights_bytes, draft_token_bytes=draft.kv_bytes_per_token or 0)
        _require_context(candidate, spec, machine, config, kv_cache_bytes, memory_fraction)


def find_sharing_problem(config: dict[str, Any], *, tensor_parallel: int, pipeline_parallel: int) -> str:
    """Why GPUs cannot share this model; empty where they can, and where nobody can tell."""
    spec = ModelSpec("", "directory", "cuda", tensor_parallel=tensor_parallel, pipeline_parallel=pipeline_parallel)
    candidate = _build_candidate(spec, config)
    try:
        if candidate is not None:
            _require_sharing(candidate, spec, FP8_CAPABILITY)  # which GPUs they are is not asked here
    except CannotServeError as error:
        return str(error)
    return ""


def _build_candidate(spec: ModelSpec, config: dict[str, Any]) -> Candidate | None:
    narrowed = spec.quantization == "bitsandbytes"
    try:
        facts = read_facts({**config, "quantization_config": None} if narrowed else config)
    except PlanningError:  # a configuration that only vLLM understands, or nobody
        return None
    return Candidate(
        spec.served_name, spec.name, "bnb-nf4" if narrowed else facts.format, facts.architecture,
        facts.architecture.max_positions, spec, converted=narrowed and not config.get("quantization_config"),
        weight_bits=facts.weight_bits, group_size=facts.group_size, is_compressed=facts.is_compressed,
    )  # fmt: skip


def _require_sharing(candidate: Candidate, spec: ModelSpec, capability: Capability) -> None:
    node = GpuNode("GPU", 0, capability, count=spec.tensor_parallel * spec.pipeline_parallel)
    try:
        choose_tensor_parallel(candidate, node, spec.tensor_parallel, spec.pipeline_parallel)
        if spec.pipeline_parallel > 1 and candidate.architecture.layers is not None:
            split_layers(candidate.architecture.layers, spec.pipeline_parallel)
    except CannotShareError as error:
        raise CannotServeError(
            f"{error} Correct model.tensor_parallel or model.pipeline_parallel in appliance.yaml."
        ) from None


def _require_draft_sharing(spec: ModelSpec, capability: Capability) -> None:
    """vLLM splits its layers over as many GPUs as the model's."""
    alone = build_draft_spec(spec)
    assert alone.path is not None, "it is a directory"
    candidate = _build_candidate(alone, json.loads((alone.path / "config.json").read_text(encoding="utf-8")))
    try:
        if candidate is not None:
            _require_sharing(candidate, alone, capability)
    except CannotServeError as error:
        raise CannotServeError(f"model.speculative.draft {alone.path}: {error}") from None


def _require_context(
    candidate: Candidate, spec: ModelSpec, machine: MachineFacts, config: dict[str, Any], kv_cache_bytes: int,
    memory_fraction: float | None,
) -> None:  # fmt: skip
    node = _find_node(spec, machine, kv_cache_bytes)
    if node is None:
        return
    question = Question(
        spec.max_context_tokens, spec.kv_cache_dtype, spec.tensor_parallel if spec.device == "cuda" else None,
        memory_fraction or GPU_SHARE, spec.pipeline_parallel,
    )  # fmt: skip
    try:
        figures = compute_figures(candidate, node, question)
    except PlanningError:
        return
    spare = GPU_WORKING_BYTES if isinstance(node, GpuNode) else 0
    tokens = TOLERANCE * (figures.kv_budget_bytes + spare) / figures.kv_bytes_per_token
    too_long = figures.shortfall == "positions" and not _is_stretched(config)
    if too_long or (figures.shortfall == "cache" and tokens < figures.context_tokens):
        raise CannotServeError(
            f"model.max_context_tokens is {spec.max_context_tokens:,}. {explain(candidate, node, figures)} Set it to "
            f"{figures.longest_context_tokens:,} or less, or leave it out."
        )


def _find_node(spec: ModelSpec, machine: MachineFacts, kv_cache_bytes: int) -> Node | None:
    if spec.device == "cuda":
        return find_gpu_node(machine.gpus)
    return CpuNode(machine.memory_bytes, kv_cache_bytes)


def _is_stretched(config: dict[str, Any]) -> bool:
    """Whether the positions are scaled beyond what the configuration counts, by a factor that vLLM knows."""
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    kind = scaling.get("rope_type") or scaling.get("type") if isinstance(scaling, dict) else None
    return kind in STRETCHED
