"""What one model takes of a GPU, or of a machine without one, read from its own directory."""

from dataclasses import dataclass, replace

from inference.planning.candidate import read_candidates
from inference.planning.errors import PlanningError
from inference.planning.figures import KV_VALUE_BYTES
from inference.planning.stages import add_to_last, list_stage_bytes
from inference.registry.checkpoint import Checkpoint, inspect_checkpoint
from inference.registry.choice import BITSANDBYTES_SHARE
from inference.registry.families import PoolingFamily
from inference.registry.options import DEFAULT_OPTIONS
from inference.registry.spec import ModelSpec


@dataclass(frozen=True)
class Need:
    """Of one GPU, or of the machine without one; see :class:`~inference.planning.dividing.Sharer`."""

    weights_bytes: int
    kv_bytes_per_token: int | None


def measure(spec: ModelSpec, checkpoint: Checkpoint) -> Need:
    """With the smaller model that guesses for it. By the formulas where they hold, else the size of the files; a model
    that attends both ways keeps no cache. Raises CheckpointError for a bad directory of the smaller one."""
    narrowed = spec.quantization == "bitsandbytes" and checkpoint.quantization is None
    draft = measure_draft(spec)
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
        return Need(on_disk + draft.weights_bytes, None)
    # The fullest stage: the share is the same on every GPU.
    weights, token = max(add_to_last(stages, (draft.weights_bytes, draft.kv_bytes_per_token or 0)))
    return Need(weights, None if draft.kv_bytes_per_token is None else token)


def measure_draft(spec: ModelSpec) -> Need:
    """Of the smaller model alone, nothing where there is none. vLLM splits its layers as the model's, keeps all of them
    in a pipeline's last stage, and gives it a cache of its own beside the model's, for the same tokens."""
    if spec.draft is None:
        return Need(0, 0)
    return measure(build_draft_spec(spec), inspect_checkpoint(spec.draft))


def build_draft_spec(spec: ModelSpec) -> ModelSpec:
    """The smaller model as if it were served by itself, on the GPUs that hold it."""
    assert spec.draft is not None, "there is one"
    return replace(spec, name=spec.draft.name, path=spec.draft, pipeline_parallel=1, options=DEFAULT_OPTIONS)
