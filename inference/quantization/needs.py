"""What a run needs of the machine: memory for one layer at a time, and disk for the result. Pure arithmetic."""

from collections.abc import Mapping, Sequence

from inference.quantization.errors import CalibrationError, MemoryMissingError
from inference.quantization.pieces import EXPERT, Piece, estimate_bytes, is_linear
from inference.quantization.recipes import Recipe
from inference.quantization.samples import Samples
from inference.quantization.tensors import Tensor

GIB = 1024**3
LIBRARY_BYTES = GIB  # torch and llm-compressor themselves
COPIES = 4  # of the largest piece: as it is read, as 32-bit numbers twice, as it is written
HESSIAN_VALUE_BYTES = 4
HESSIAN_COPIES = 3  # GPTQ's, while it inverts one
STATE_VALUE_BYTES = 2
EMBEDDINGS = "model.embed_tokens.weight"


def refuse_calibration(tensors: Mapping[str, Tensor]) -> None:
    """Raises CalibrationError for what is only quantised without."""
    if any(EXPERT in name for name in tensors):
        raise CalibrationError(
            "A mixture of experts is quantised without calibration here: an expert would see too few of the texts. "
            "Leave --calibration out."
        )
    if EMBEDDINGS not in tensors:
        raise CalibrationError(f"The model has no {EMBEDDINGS}, which texts would be read with.")


def count_memory_bytes(tensors: Mapping[str, Tensor], pieces: Sequence[Piece], samples: Samples | None) -> int:
    """The most that is in memory at once."""
    needed = LIBRARY_BYTES + COPIES * max(piece.source_bytes for piece in pieces)
    if samples is None:
        return needed
    hessians = max(
        sum(tensors[name].shape[1] ** 2 * HESSIAN_VALUE_BYTES for name in piece.tensors if is_linear(name))
        for piece in pieces
    )
    return needed + HESSIAN_COPIES * hessians + 2 * count_state_bytes(tensors, samples)


def count_disk_bytes(tensors: Mapping[str, Tensor], recipe: Recipe, samples: Samples | None) -> int:
    """The result, and of a calibrated run the states before and after a layer."""
    states = 2 * count_state_bytes(tensors, samples) if samples else 0
    return estimate_bytes(tensors, recipe) + states


def count_state_bytes(tensors: Mapping[str, Tensor], samples: Samples) -> int:
    """What goes from one layer into the next, at most."""
    return len(samples.texts) * samples.max_tokens * tensors[EMBEDDINGS].shape[1] * STATE_VALUE_BYTES


def require_memory(needed_bytes: int, memory_bytes: int) -> None:
    """Raises MemoryMissingError."""
    if needed_bytes > memory_bytes:
        raise MemoryMissingError(
            f"Quantising needs {needed_bytes / GIB:.1f} GiB of memory for the largest layer; this machine has "
            f"{memory_bytes / GIB:.1f} GiB. Quantise the model on a larger one and import the result."
        )
