"""The models of ``appliance.yaml`` side by side on this machine: what each needs, read from its own directory, and what
each therefore gets."""

from collections.abc import Mapping
from dataclasses import replace

from appliance.settings import Settings
from appliance.settings.model import MAIN_MODEL, FurtherModel, Model
from inference.planning.dividing import Portion, Sharer, divide_gpu, divide_machine
from inference.planning.need import measure
from inference.planning.sizing import GIB
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.machine import MachineFacts
from inference.registry.spec import ModelSpec


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
