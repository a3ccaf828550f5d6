"""Which model to serve: a pure function of what was asked for, what the machine has and what is already on disk.

In this order: what ``appliance.yaml`` names; a GPU: the largest quantised offer that fits it; a CPU: a small instruct
model; none of these: no model, with the reason in words.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from inference.planning.sizing import GPU_SHARE, GPU_WORKING_BYTES
from inference.registry.catalogue import CPU_OFFER, GIB, GPU_OFFERS, Offer
from inference.registry.checkpoint import Checkpoint, ranks_by_words, require_purpose
from inference.registry.errors import CheckpointMissingError, GpuNeededError, ModelTooBigError
from inference.registry.families import reads_pictures
from inference.registry.machine import Gpu, MachineFacts
from inference.registry.options import DEFAULT_OPTIONS, Options
from inference.registry.spec import Device, KvCacheDtype, ModelSpec, Purpose

AWQ_CAPABILITY = (7, 5)
GPU_GONE = (
    "NVIDIA's driver is loaded, but no GPU answers it: nothing is served on the CPU in its place. `nvidia-smi` and the "
    "kernel's log say what happened to the card; model.device: cpu serves without one."
)
DEFAULT_REVISION = "main"  # a hub's own
NAME_ONE = "Name a model directory in appliance.yaml."
CPU_WORKING_BYTES = 4 * GIB  # the engine's own processes, and the rest of the appliance
LEAST_WORKING_BYTES = 2 * GIB  # less than this beside weights and KV cache has never been enough
BITSANDBYTES_SHARE = 1 / 3  # 4-bit weights, with embeddings and output head as they were


@dataclass(frozen=True)
class ModelWish:
    """What ``appliance.yaml`` says under ``section``; with ``is_activated`` somebody named the model by a command, and
    only the rest is said there."""

    path: Path | None = None
    hub_id: str | None = None
    revision: str | None = None
    name: str | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    quantization: Literal["bitsandbytes"] | None = None
    max_context_tokens: int | None = None
    kv_cache_bytes: int = GIB
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    kv_cache_dtype: KvCacheDtype = "auto"
    purpose: Purpose = "generation"
    options: Options = DEFAULT_OPTIONS
    section: str = "model"
    is_activated: bool = False

    def write_reason(self, what: str) -> str:
        if self.is_activated:
            return f"It was activated: {what}."
        return f"appliance.yaml names {what} under {self.section}."

    @property
    def gpus_here(self) -> int:
        """Of this machine, where several hold parts of the model."""
        return self.tensor_parallel * self.pipeline_parallel // self.options.nodes.count

    def write_gpus(self) -> str:
        by = f"{self.section}.tensor_parallel is {self.tensor_parallel}"
        if self.pipeline_parallel == 1 and self.options.nodes.count == 1:
            return by
        by = f"{by}, {self.section}.pipeline_parallel {self.pipeline_parallel}"
        return f"{by}: on each of {self.options.nodes.count} machines {self.gpus_here} GPUs"


@dataclass(frozen=True)
class Choice:
    """The model, or None; ``reason`` is a sentence for the operator either way."""

    spec: ModelSpec | None
    reason: str


def choose_model(
    wish: ModelWish,
    machine: MachineFacts,
    *,
    checkpoint: Checkpoint | None = None,
    fetched: AbstractSet[str] = frozenset(),
) -> Choice:
    """``checkpoint`` is the inspected ``wish.path``, when that is set; ``fetched`` holds "hub id@revision" on disk.

    Without a C++ compiler the model is served uncompiled: the engine would not start otherwise.
    """
    choice = _choose(wish, machine, checkpoint, fetched)
    if choice.spec is None:
        return choice
    spec = replace(
        choice.spec,
        tensor_parallel=wish.tensor_parallel if choice.spec.device == "cuda" else 1,
        pipeline_parallel=wish.pipeline_parallel if choice.spec.device == "cuda" else 1,
        kv_cache_dtype=wish.kv_cache_dtype,
        purpose=wish.purpose,
        enforce_eager=not machine.has_compiler,
        options=wish.options,
    )
    return Choice(spec, choice.reason)


def _choose(wish: ModelWish, machine: MachineFacts, checkpoint: Checkpoint | None, fetched: AbstractSet[str]) -> Choice:
    if wish.device == "cuda" and not machine.gpus:
        return Choice(None, f"{wish.section}.device is cuda, but no NVIDIA GPU was found on this machine.")
    if wish.device == "auto" and machine.has_nvidia_driver and not machine.gpus:
        return Choice(None, GPU_GONE)
    device: Device = "cuda" if machine.gpus and wish.device != "cpu" else "cpu"
    if device == "cuda" and wish.gpus_here > len(machine.gpus):
        return Choice(None, f"{wish.write_gpus()}; the GPUs here are {len(machine.gpus)}.")
    if device == "cpu" and (lack := _find_lack(machine)):
        return Choice(None, lack)
    if wish.path is not None:
        assert checkpoint is not None, "a directory is inspected before it is chosen"
        require_purpose(checkpoint, wish.purpose)
        require_device(checkpoint, device)
        require_memory(checkpoint, wish, machine, device)
        spec = build_directory_spec(wish, checkpoint, device)
        return Choice(spec, wish.write_reason(f"the directory {wish.path}"))
    if wish.hub_id is not None:
        return _choose_named_on_hub(wish, device, machine, fetched)
    if device == "cuda":
        return _choose_for_gpu(wish, machine, fetched)
    return _choose_for_cpu(wish, machine, fetched)


def require_directory(path: Path, *, fix: str) -> None:
    """Raises CheckpointMissingError; ``fix`` is for whoever named it."""
    if not path.is_dir():
        raise CheckpointMissingError(
            path, "this is no directory." if path.exists() else "there is no such directory.", fix
        )


def require_named(wish: ModelWish) -> None:
    """That the directory of a wish is there. Raises CheckpointMissingError."""
    if wish.path is not None:
        wrong = "Activate a model that is here (bin/appliance models list), or `auto`."
        require_directory(
            wish.path, fix=wrong if wish.is_activated else f"Correct {wish.section}.path in appliance.yaml."
        )


def require_device(checkpoint: Checkpoint, device: Device) -> None:
    """Raises GpuNeededError: what vLLM imports for pictures, wanted or not, is in its CUDA build only."""
    if device == "cpu" and reads_pictures(checkpoint.architecture):
        raise GpuNeededError(
            checkpoint.path / "config.json",
            f"{checkpoint.architecture} is of models that read pictures too, which need a GPU also for text alone.",
            "Choose a model that reads text only for a CPU.",
        )


def require_memory(
    checkpoint: Checkpoint, wish: ModelWish, machine: MachineFacts, device: Device, *, draft_bytes: int = 0
) -> None:
    """Raises ModelTooBigError for a model that all of the memory could not hold, with the smaller one that guesses for
    it; what other programs use of it is not known before the engine asks for its own."""
    narrowed = wish.quantization == "bitsandbytes" and checkpoint.quantization is None
    weights = checkpoint.loaded_bytes * (BITSANDBYTES_SHARE if narrowed else 1)
    if device == "cuda":
        memory, where = max(gpu.memory_bytes for gpu in machine.gpus), "the GPU's memory"
        weights /= wish.tensor_parallel * wish.pipeline_parallel
        weights += draft_bytes / wish.tensor_parallel  # whole in the last stage of a pipeline
        needed, beside = weights + GPU_WORKING_BYTES, "with what the engine needs beside them"
    else:
        memory, where = machine.memory_bytes, "this machine's memory"
        weights += draft_bytes
        needed = weights + wish.kv_cache_bytes + LEAST_WORKING_BYTES
        beside = f"with a KV cache of {wish.kv_cache_bytes / GIB:.1f} GiB and what the engine needs beside them"
    if needed > memory:
        cure = "Choose a smaller or quantised model"
        if not (narrowed or checkpoint.quantization):
            cure += f", or set {wish.section}.quantization: bitsandbytes"
        if device == "cpu" and weights + LEAST_WORKING_BYTES < memory:
            cure = f"Lower {wish.section}.kv_cache_gib"
        whose = f"its weights and those of {wish.section}.speculative.draft" if draft_bytes else "its weights"
        raise ModelTooBigError(
            f"{checkpoint.path}: {whose} take {weights / GIB:.1f} GiB, {needed / GIB:.1f} GiB {beside}; {where} is "
            f"{memory / GIB:.1f} GiB. {cure}."
        )


def build_directory_spec(wish: ModelWish, checkpoint: Checkpoint, device: Device) -> ModelSpec:
    return ModelSpec(
        name=checkpoint.path.name,
        source="directory",
        device=device,
        path=checkpoint.path,
        family=checkpoint.family.name,
        quantization=wish.quantization or checkpoint.quantization,
        max_context_tokens=wish.max_context_tokens,
        served_name=wish.name or checkpoint.path.name,
        tool_parser=checkpoint.tool_parser,
        reasoning_parser=checkpoint.reasoning_parser,
        licence=checkpoint.licence,
        text_only=reads_pictures(checkpoint.architecture),
        purpose=wish.purpose,
        ranks_by_words=ranks_by_words(checkpoint, wish.purpose),
    )


def with_checkpoint(spec: ModelSpec, checkpoint: Checkpoint) -> ModelSpec:
    """A hub model now that its files are here: what they say replaces what was assumed."""
    return replace(
        spec,
        path=checkpoint.path,
        family=checkpoint.family.name,
        quantization=spec.quantization or checkpoint.quantization,
        tool_parser=checkpoint.tool_parser,
        reasoning_parser=checkpoint.reasoning_parser,
        licence=spec.licence or checkpoint.licence,
        text_only=reads_pictures(checkpoint.architecture),
        ranks_by_words=ranks_by_words(checkpoint, spec.purpose),
    )


def _find_lack(machine: MachineFacts) -> str:
    """What keeps the engine from running on this CPU; empty when nothing does."""
    if machine.architecture == "x86_64" and "avx2" not in machine.cpu_flags:
        return "There is no GPU and this CPU has no AVX2 instructions, which the engine needs: no model can be served."
    if not machine.has_libnuma:
        return "There is no GPU, and the engine needs the library libnuma on a CPU: apt install libnuma1 (as root)."
    return ""


def _choose_named_on_hub(wish: ModelWish, device: Device, machine: MachineFacts, fetched: AbstractSet[str]) -> Choice:
    assert wish.hub_id is not None
    revision = wish.revision or DEFAULT_REVISION
    if not machine.hub_reachable and f"{wish.hub_id}@{revision}" not in fetched:
        fix = f"Copy the model here and name its directory in {wish.section}.path."
        if wish.is_activated:
            fix = f"Copy it here: bin/appliance models import DIRECTORY --hub-id {wish.hub_id} --revision {revision}"
        return Choice(None, _say_absent(f"{wish.hub_id} at {revision}", machine, fix))
    name = wish.hub_id.split("/")[-1]
    spec = ModelSpec(
        name=name,
        source="hub",
        device=device,
        hub_id=wish.hub_id,
        revision=revision,
        quantization=wish.quantization,
        max_context_tokens=wish.max_context_tokens,
        served_name=wish.name or name,
    )
    return Choice(spec, wish.write_reason(f"{wish.hub_id} at {revision}"))


def _say_absent(what: str, machine: MachineFacts, fix: str) -> str:
    """Of a model on a hub that is not here: a hub that was not asked is not one that cannot be reached."""
    hub = "no hub was asked for it" if machine.hub_reachable is None else "the model hub cannot be reached"
    return f"{what} is not on this machine, and {hub}. {fix}"


def _choose_for_gpu(wish: ModelWish, machine: MachineFacts, fetched: AbstractSet[str]) -> Choice:
    gpu = max(machine.gpus, key=lambda gpu: gpu.memory_bytes)
    found = f"The GPU is {gpu.name} with {gpu.memory_bytes / GIB:.0f} GiB"
    if gpu.compute_capability < AWQ_CAPABILITY:
        return Choice(None, f"{found}, too old for the quantised models offered. Name a model in appliance.yaml.")
    fitting = [offer for offer in GPU_OFFERS if fits_gpu(offer, gpu)]
    if not fitting:
        return Choice(None, f"{found}, too small for the models offered. Name a model in appliance.yaml.")
    usable = [offer for offer in fitting if machine.hub_reachable or offer.reference in fetched]
    if not usable:
        return Choice(None, f"{found}. {_say_absent(fitting[0].name, machine, NAME_ONE)}")
    return Choice(_build_offer_spec(usable[0], wish, "cuda"), f"{found}: {usable[0].name} is the largest that fits.")


def fits_gpu(offer: Offer, gpu: Gpu) -> bool:
    return offer.needed_bytes + GPU_WORKING_BYTES <= gpu.memory_bytes * GPU_SHARE


def _choose_for_cpu(wish: ModelWish, machine: MachineFacts, fetched: AbstractSet[str]) -> Choice:
    why = "model.device is cpu" if wish.device == "cpu" else "There is no GPU"
    needed = CPU_OFFER.needed_bytes + CPU_WORKING_BYTES
    if machine.memory_bytes < needed:
        return Choice(
            None,
            f"{why}, and {machine.memory_bytes / GIB:.1f} GiB of memory is too little for {CPU_OFFER.name}, "
            f"which needs {needed / GIB:.1f} GiB beside the rest.",
        )
    if not machine.hub_reachable and CPU_OFFER.reference not in fetched:
        return Choice(None, f"{why}. {_say_absent(CPU_OFFER.name, machine, NAME_ONE)}")
    return Choice(_build_offer_spec(CPU_OFFER, wish, "cpu"), f"{why}: {CPU_OFFER.name} is small enough for a CPU.")


def _build_offer_spec(offer: Offer, wish: ModelWish, device: Device) -> ModelSpec:
    return ModelSpec(
        name=offer.name,
        source="hub",
        device=device,
        hub_id=offer.hub_id,
        revision=offer.revision,
        family=offer.family,
        quantization=wish.quantization if device == "cpu" else None,
        max_context_tokens=wish.max_context_tokens or offer.context_tokens,
        served_name=wish.name or offer.name,
        licence=offer.licence,
    )
