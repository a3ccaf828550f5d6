"""The models of ``appliance.yaml`` side by side on this machine: what each needs, read from its own directory, and what
each therefore gets."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from appliance.settings import Settings
from appliance.settings.model import MAIN_MODEL, FurtherModel, Model
from inference.planning.candidate import read_candidates
from inference.planning.dividing import Portion, Sharer, divide_gpu, divide_machine
from inference.planning.errors import PlanningError
from inference.planning.figures import KV_VALUE_BYTES
from inference.planning.sizing import GIB
from inference.planning.stages import list_stage_bytes
from inference.registry.checkpoint import Checkpoint, inspect_checkpoint
from inference.registry.choice import BITSANDBYTES_SHARE
from inference.registry.families import PoolingFamily
from inference.registry.machine import MachineFacts
from inference.registry.spec import ModelSpec


@dataclass(frozen=True)
class Need:
    """Of one GPU, or of the machine without one; see :class:`~inference.planning.dividing.Sharer`."""

    weights_bytes: int
    kv_bytes_per_token: int | None


def list_wanted(settings: Settings) -> dict[str, Model]:
    """By name: the main model as ``model``, then the further ones."""
    return {MAIN_MODEL: settings.model, **settings.further_models}


def divide_memory(specs: Mapping[str, ModelSpec], settings: Settings, machine: MachineFacts) -> dict[str, Portion]:
    """By name. ``specs``: the models that are here, by the names of :func:`list_wanted`; those that use a GPU share the
    first one's memory, the others the machine's. Raises DoNotFitError, and CheckpointError for a bad directory."""
    wanted = list_wanted(settings)
    sharers = {name: _build_sharer(name, spec, wanted[name]) for name, spec in specs.items() if spec.path is not None}
    on_gpu = [each for name, each in sharers.items() if specs[name].device == "cuda"]
    on_cpu = [each for name, each in sharers.items() if specs[name].device == "cpu"]
    portions: list[Portion] = []
    if on_gpu:
        portions += divide_gpu(on_gpu, max(gpu.memory_bytes for gpu in machine.gpus))
    if on_cpu:
        portions += divide_machine(on_cpu, machine.memory_bytes)
    found = {portion.name: portion for portion in portions}
    return {name: found[name] for name in sharers}


def measure(spec: ModelSpec, checkpoint: Checkpoint) -> Need:
    """With the smaller model that guesses ahead, where there is one: it has weights and a cache of its own, on as many
    GPUs as the model is divided among, in its last stage (``SpeculativeConfig`` in vLLM's ``config/speculative.py``).
    Raises CheckpointError for a draft that is a bad directory."""
    own = _measure_alone(spec, checkpoint)
    draft = spec.options.speculative.draft if spec.options.speculative else None
    if draft is None:
        return own
    beside = replace(spec, path=draft, quantization=None, pipeline_parallel=1)
    its = _measure_alone(beside, inspect_checkpoint(draft))
    are_known = own.kv_bytes_per_token is not None and its.kv_bytes_per_token is not None
    cache = (own.kv_bytes_per_token or 0) + (its.kv_bytes_per_token or 0)
    return Need(own.weights_bytes + its.weights_bytes, cache if are_known else None)


def _measure_alone(spec: ModelSpec, checkpoint: Checkpoint) -> Need:
    """By the formulas where they hold, else the size of the files; a model that attends both ways keeps no cache."""
    narrowed = spec.quantization == "bitsandbytes" and checkpoint.quantization is None
    on_disk = int(checkpoint.loaded_bytes * (BITSANDBYTES_SHARE if narrowed else 1)) // (
        spec.tensor_parallel * spec.pipeline_parallel
    )
    if isinstance(checkpoint.family, PoolingFamily) and checkpoint.family.is_bidirectional:
        return Need(on_disk, 0)
    assert spec.path is not None, "only what is here is measured"
    try:
        as_it_is, *converted = read_candidates(spec.path)
        candidate = converted[0] if narrowed and converted else as_it_is
        stages = list_stage_bytes(
            candidate.architecture, candidate.format, tensor_parallel=spec.tensor_parallel,
            pipeline_parallel=spec.pipeline_parallel, value_bytes=KV_VALUE_BYTES[spec.kv_cache_dtype],
            bits=candidate.weight_bits,
        )  # fmt: skip
    except PlanningError:
        return Need(on_disk, None)
    # The fullest stage: the share is the same on every GPU.
    return Need(*max(stages))


def _build_sharer(name: str, spec: ModelSpec, wanted: Model) -> Sharer:
    assert spec.path is not None, "only what is here is measured"
    need = measure(spec, inspect_checkpoint(spec.path))
    sharer = Sharer(
        name,
        need.weights_bytes,
        need.kv_bytes_per_token,
        context_tokens=spec.max_context_tokens,
        share=wanted.memory_share if isinstance(wanted, FurtherModel) else 1.0,
        fraction=wanted.memory_fraction,
        kv_cache_bytes=int(wanted.kv_cache_gib * GIB),
    )
    return sharer if sharer.keeps_cache else replace(sharer, kv_cache_bytes=0)
