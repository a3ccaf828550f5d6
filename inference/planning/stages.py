"""A model in a pipeline: which layers each stage has, and what they take there. Pure arithmetic.

How vLLM 0.32 splits: evenly; what is left over goes to the stages before the last, one each, from the back
(``get_pp_indices`` in ``vllm/distributed/utils.py``). The first stage holds the token embeddings, the last one the
output head, which is a copy of them where they are tied.
"""

from inference.planning.errors import CannotShareError, FactMissingError
from inference.planning.sizing import compute_kv_bytes_per_token, compute_weights_bytes, require_full_attention
from inference.registry.entry import Architecture, Format


def split_layers(layers: int, stages: int) -> tuple[int, ...]:
    """Layers of each stage. Raises CannotShareError where some stage would have none."""
    if stages > layers:
        raise CannotShareError(f"{stages} stages of a pipeline cannot share {layers} layers; {layers} or fewer can.")
    split = [layers // stages] * stages
    for place in range(2, layers % stages + 2):
        split[-place] += 1
    return tuple(split)


def list_stage_bytes(
    architecture: Architecture, format_: Format, *, tensor_parallel: int, pipeline_parallel: int, value_bytes: int,
    bits: float | None = None,
) -> tuple[tuple[int, int], ...]:  # fmt: skip
    """Of one GPU of each stage: its weights, and its keys and values of a token. One stage is the whole model."""
    require_full_attention(architecture)
    if architecture.layers is None:
        raise FactMissingError("layers is not known.")
    if pipeline_parallel == 1:
        return (_measure(architecture, format_, tensor_parallel, value_bytes, bits),)
    split = split_layers(architecture.layers, pipeline_parallel)
    empty = architecture.model_copy(update={"vocabulary": 0})
    tied = architecture.model_copy(update={"tied_embeddings": True})  # one matrix: an end of the pipeline holds one
    ends = (0, len(split) - 1)
    return tuple(
        _measure(
            (tied if number in ends else empty).model_copy(update={"layers": layers}),
            format_,
            tensor_parallel,
            value_bytes,
            bits,
        )
        for number, layers in enumerate(split)
    )


def add_to_last(stages: tuple[tuple[int, int], ...], beside: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """With what else the last stage holds: weights, and keys and values of a token."""
    *before, (weights, token) = stages
    return (*before, (weights + beside[0], token + beside[1]))


def _measure(
    architecture: Architecture, format_: Format, tensor_parallel: int, value_bytes: int, bits: float | None
) -> tuple[int, int]:
    weights = compute_weights_bytes(architecture, format_, tensor_parallel=tensor_parallel, bits=bits)
    return weights, compute_kv_bytes_per_token(architecture, tensor_parallel=tensor_parallel, value_bytes=value_bytes)
