"""Whether a model fits a machine, with what, and if not what to try: one value for people and for programs.

Computed from the formulas in :mod:`inference.planning.sizing`; what no formula describes is said to be measured only.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from inference.planning.advice import explain, find_refusal, suggest
from inference.planning.candidate import Candidate
from inference.planning.errors import CannotShareError, MeasuredOnlyError, PlanningError
from inference.planning.figures import Figures, compute_figures, find_offered_context
from inference.planning.gpus import has_bf16, has_fp8
from inference.planning.node import CpuNode, GpuNode, Node, Question
from inference.planning.sharing import choose_tensor_parallel, is_unsure
from inference.planning.sizing import GIB, GPU_SHARE
from inference.registry.spec import ModelSpec
from inference.serving.argv import build_engine_argv

SCHEMA_VERSION = 1
# Measured, vLLM 0.32 with torch 2.13 on a CPU with AMX: torch._scaled_mm took 150 ms for 17 x 256 by 256 x 1024.
SLOW_FP8 = "On a CPU vLLM multiplies FP8 very slowly: W8A8 INT8 or 4-bit weights answer in a fraction of the time."
Verdict = Literal["fits", "does not fit", "measured only", "not known"]


@dataclass(frozen=True)
class Plan:
    """``reason`` and ``next_step`` are sentences, empty where there is nothing to say; ``figures`` is None where none
    can be computed; ``flags`` are vLLM's after address and directory, empty where the model does not fit."""

    model: str
    weights: str
    hub_id: str | None
    revision: str | None
    format: str
    converted: bool
    verdict: Verdict
    reason: str
    next_step: str
    figures: Figures | None
    flags: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return self.verdict == "fits"


def build_plan(candidate: Candidate, node: Node, question: Question) -> Plan:
    """Never raises for a model: what cannot be computed is a verdict."""
    plan = Plan(
        model=candidate.model,
        weights=candidate.weights,
        hub_id=candidate.hub_id,
        revision=candidate.revision,
        format=candidate.format,
        converted=candidate.converted,
        verdict="not known",
        reason="",
        next_step="",
        figures=None,
        flags=(),
    )
    if (refusal := find_refusal(candidate, node, question)) is not None:
        return replace(plan, verdict="does not fit", reason=refusal.reason, next_step=refusal.next_step)
    try:
        figures = compute_figures(candidate, node, question)
    except MeasuredOnlyError as error:
        return replace(plan, verdict="measured only", reason=str(error), next_step="Serve it and read vLLM's log.")
    except CannotShareError as error:
        return replace(
            plan,
            verdict="does not fit",
            reason=str(error),
            next_step=_write_other_number(question),
        )
    except PlanningError as error:
        return replace(plan, reason=str(error), next_step="Find its config.json and cite it in the catalogue.")
    if figures.shortfall is not None:
        reason, advice = explain(candidate, node, figures), suggest(candidate, node, question, figures)
        return replace(plan, verdict="does not fit", reason=reason, next_step=advice, figures=figures)
    if is_unsure(candidate, figures.tensor_parallel, node):
        reason = (
            f"{figures.tensor_parallel} GPUs can share it only if its layers are wider than the catalogue knows, which "
            "nobody could look up."
        )
        advice = f"Serve it and read vLLM's log, or ask for {_write_sure(candidate, node)}."
        return replace(plan, verdict="measured only", reason=reason, next_step=advice, figures=figures)
    flags = build_flags(candidate.spec, node, question, figures) if candidate.spec else ()
    return replace(plan, verdict="fits", reason=_remark(candidate, node, figures), figures=figures, flags=flags)


def _write_other_number(question: Question) -> str:
    numbers = {"--tensor-parallel": question.tensor_parallel, "--pipeline-parallel": question.pipeline_parallel - 1}
    said = [option for option, number in numbers.items() if number]
    return f"Leave {' and '.join(said)} out, or say {'other numbers' if len(said) > 1 else 'another number'}."


def _write_sure(candidate: Candidate, node: Node) -> str:
    known = replace(candidate, is_padded=False)
    return f"--tensor-parallel {choose_tensor_parallel(known, node, None)}"


def build_flags(spec: ModelSpec, node: Node, question: Question, figures: Figures) -> tuple[str, ...]:
    """As the appliance would start the engine. A context that was asked for is passed on."""
    planned = replace(
        spec,
        device="cuda" if isinstance(node, GpuNode) else "cpu",
        path=spec.path or Path(spec.name),
        max_context_tokens=question.context_tokens or find_offered_context(spec, node),
        tensor_parallel=figures.tensor_parallel,
        pipeline_parallel=figures.pipeline_parallel,
        kv_cache_dtype=question.kv_cache_dtype,
    )
    share = question.memory_fraction if question.memory_fraction != GPU_SHARE else None
    cache = node.kv_cache_bytes / GIB if isinstance(node, CpuNode) else 0
    argv = build_engine_argv(planned, python=Path("python"), port=1, kv_cache_gib=cache, memory_fraction=share)
    return tuple(argv[argv.index("--served-model-name") + 2 :])


def _remark(candidate: Candidate, node: Node, figures: Figures) -> str:
    """What is worth knowing about a model that fits."""
    if not isinstance(node, GpuNode):
        return SLOW_FP8 if candidate.format == "fp8" else ""
    remarks = []
    if (used := figures.tensor_parallel * figures.pipeline_parallel) < node.count:
        remarks.append(f"It uses {used} of the {node.count} GPUs.")
    if candidate.format == "fp8" and not has_fp8(node.capability):
        remarks.append("This GPU does not multiply FP8: the weights save memory, not time.")
    if candidate.format == "bf16" and not has_bf16(node.capability):
        remarks.append("This GPU has no bfloat16: vLLM computes in float16 instead.")
    return " ".join(remarks)


def build_document(plans: list[Plan], node: Node, question: Question) -> dict[str, Any]:
    """The plans as JSON, with what they were made for."""
    if isinstance(node, GpuNode):
        machine = {
            "device": "cuda",
            "gpu": node.name,
            "count": node.count,
            "memory_bytes": node.memory_bytes,
            "compute_capability": ".".join(str(part) for part in node.capability),
            "bf16": has_bf16(node.capability),
            "fp8": has_fp8(node.capability),
        }
    else:
        machine = {"device": "cpu", "memory_bytes": node.memory_bytes, "kv_cache_bytes": node.kv_cache_bytes}
    return {
        "schema_version": SCHEMA_VERSION,
        "measured": False,
        "machine": machine,
        "question": asdict(question),
        "plans": [asdict(plan) for plan in plans],
    }
