"""One of the two models as it will be served: inspected, sized, and with the command that starts it."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from inference.comparing.errors import CompareError
from inference.comparing.request import Named, Request
from inference.comparing.room import Need, choose_fraction, read_available_bytes, require_memory
from inference.metrics.device import read_gpus
from inference.metrics.types import GpuReading
from inference.planning.config import read_architecture, read_effective_bits, read_format
from inference.planning.errors import PlanningError
from inference.planning.sizing import compute_weights_bytes
from inference.registry.checkpoint import Checkpoint, inspect_checkpoint
from inference.registry.choice import BITSANDBYTES_SHARE, ModelWish, choose_model
from inference.registry.machine import MachineFacts
from inference.registry.spec import ModelSpec
from inference.serving.command import Command, engine_command
from inference.serving.guard import guard_command

GIB = 1024**3


@dataclass(frozen=True)
class Contender:
    """``format`` is that of the weights in memory; ``planned_bytes`` is None where the formulas do not describe the
    architecture."""

    named: Named
    checkpoint: Checkpoint
    spec: ModelSpec
    format: str | None
    planned_bytes: int | None
    gpus: tuple[GpuReading, ...]


def read_contender(named: Named, request: Request, machine: MachineFacts, *, role: str) -> Contender:
    """Raises a CheckpointError for a directory that is not served, CompareError where this machine cannot serve it."""
    checkpoint, serving = inspect_checkpoint(named.path), request.serving
    context = min(request.context_tokens, checkpoint.trained_context_tokens or request.context_tokens)
    wish = ModelWish(
        path=named.path, name=f"compare-{role}", device=serving.device, quantization=named.quantization,
        max_context_tokens=context, kv_cache_bytes=int(serving.kv_cache_gib * GIB),
        tensor_parallel=serving.tensor_parallel, kv_cache_dtype=serving.kv_cache_dtype,
    )  # fmt: skip
    choice = choose_model(wish, machine, checkpoint=checkpoint)
    if choice.spec is None:
        raise CompareError(f"{named.reference} cannot be served here. {choice.reason}")
    config = json.loads((named.path / "config.json").read_text(encoding="utf-8"))
    kind = planned = None
    try:
        kind = read_format(config)
        if named.quantization and checkpoint.quantization is None:
            kind = "bnb-nf4"
        planned = compute_weights_bytes(read_architecture(config), kind, bits=read_effective_bits(config))
    except PlanningError:
        pass  # what it needs can only be measured, and the report says that it is not known
    gpus = read_gpus() if choice.spec.device == "cuda" else ()
    return Contender(named, checkpoint, choice.spec, kind, planned, gpus)


def build_command(contender: Contender, request: Request, *, python: Path, port: int, role: str) -> Command:
    """The engine's command with the check of the files before it. Raises MemoryTooLittleError: asked right before the
    start, when the engine before has gone."""
    spec, serving = contender.spec, request.serving
    fraction = None
    if spec.device == "cuda":
        now = read_gpus()[: spec.tensor_parallel]
        fraction = choose_fraction(_build_need(contender, request), now, wanted=serving.memory_fraction)
    else:
        require_memory(_build_need(contender, request), available_bytes=read_available_bytes())
    command = engine_command(
        replace(spec, served_name=f"compare-{role}"), python=python, port=port, data_dir=request.folder,
        root=request.root, kv_cache_gib=serving.kv_cache_gib, memory_fraction=fraction,
    )  # fmt: skip
    return guard_command(command, contender.named.path, python=python, models_dir=request.models_dir)


def require_distinct(parent: Named, child: Named) -> None:
    """Raises CompareError for a model compared with itself, which shows nothing."""
    if parent.path.resolve() == child.path.resolve() and parent.quantization == child.quantization:
        raise CompareError(
            f"{child.reference} would be compared with itself. Name its parent, or load it in 4 bits: --bitsandbytes."
        )


def _build_need(contender: Contender, request: Request) -> Need:
    """A GPU's cache is at least one conversation's; what is more, the engine finds out itself."""
    narrowed = contender.spec.quantization == "bitsandbytes" and contender.checkpoint.quantization is None
    weights = int(contender.checkpoint.loaded_bytes * (BITSANDBYTES_SHARE if narrowed else 1))
    if contender.spec.device == "cpu":
        return Need(contender.named.reference, weights, int(request.serving.kv_cache_gib * GIB))
    return Need(contender.named.reference, weights // contender.spec.tensor_parallel, GIB // 4)
