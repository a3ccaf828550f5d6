"""What is worked off one after another: the layers of a model, each of which becomes a file of the result.

A piece that is on the disk is finished. The first one is everything outside of the layers, which stays as it is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.quantization.errors import ParentUnfitError
from inference.quantization.recipes import Recipe
from inference.quantization.tensors import Tensor

LAYER = re.compile(r"^model\.layers\.(\d+)\.")
LINEAR = re.compile(
    r"^model\.layers\.\d+\.(?:self_attn\.(?:q|k|v|o)_proj|mlp\.(?:experts\.\d+\.)?(?:gate|up|down)_proj)\.weight$"
)
EXPERT = ".mlp.experts."
SCALE_BYTES = 2
BITSANDBYTES_STATE_BYTES = 64 + 128  # the sixteen values of the type, and the state that names them
WHOLE_TYPES = ("BF16", "F16", "F32")


@dataclass(frozen=True)
class Piece:
    """``file`` is its name in the result; ``source_bytes`` are read for it."""

    file: str
    tensors: tuple[str, ...]
    source_bytes: int


def is_linear(name: str) -> bool:
    """Is this tensor the weight of a layer that recipes quantise?"""
    return LINEAR.match(name) is not None


def build_pieces(tensors: Mapping[str, Tensor]) -> tuple[Piece, ...]:
    """What is outside of the layers, then each layer by its number."""
    groups: dict[int, list[str]] = {-1: []}
    for name in sorted(tensors):
        found = LAYER.match(name)
        groups.setdefault(int(found.group(1)) if found else -1, []).append(name)
    if not groups[-1]:
        del groups[-1]
    return tuple(
        Piece(
            f"model-{number:05}-of-{len(groups):05}.safetensors",
            tuple(groups[key]),
            sum(tensors[name].size_bytes for name in groups[key]),
        )
        for number, key in enumerate(sorted(groups), start=1)
    )


def list_unfinished(pieces: Sequence[Piece], output: Path) -> list[Piece]:
    """Files get their names when they are whole, so a name is enough."""
    return [piece for piece in pieces if not (output / piece.file).is_file()]


def refuse_unfit(tensors: Mapping[str, Tensor], recipe: Recipe, *, parent: Path) -> None:
    """Raises ParentUnfitError for a model whose layers the recipe cannot be applied to."""
    linear = {name: of for name, of in tensors.items() if is_linear(name)}
    if not linear:
        raise ParentUnfitError(f"{parent} has no layers that are named as those of Llama, Mistral and Qwen are.")
    if recipe.scheme is None and any(EXPERT in name for name in linear):
        raise ParentUnfitError(
            f"{parent} is a mixture of experts, which has not been tried with bitsandbytes. Choose another recipe."
        )
    for name, of in linear.items():
        if of.kind not in WHOLE_TYPES:
            raise ParentUnfitError(f"{parent}: {name} is stored as {of.kind}: it is quantised already.")
        if len(of.shape) != 2:
            raise ParentUnfitError(f"{parent}: {name} is no matrix but has the shape {list(of.shape)}.")
        if recipe.group_size is not None and of.shape[1] % recipe.group_size:
            raise ParentUnfitError(
                f"{parent}: {name} has {of.shape[1]} inputs, which groups of {recipe.group_size} do not divide. "
                "Choose the recipe fp8 or w8a8-int8, which have no groups."
            )


def estimate_bytes(tensors: Mapping[str, Tensor], recipe: Recipe) -> int:
    """What the result's tensors take: exactly that for compressed-tensors, but for a few numbers a layer."""
    return sum(_estimate(of, recipe) if is_linear(name) else of.size_bytes for name, of in tensors.items())


def _estimate(tensor: Tensor, recipe: Recipe) -> int:
    rows, columns = tensor.shape
    if recipe.format == "w4a16-int4":
        assert recipe.group_size is not None
        return rows * columns // 2 + rows * columns // recipe.group_size * SCALE_BYTES + 16
    if recipe.format == "bnb-nf4":
        assert recipe.group_size is not None
        return rows * columns // 2 + rows * columns // recipe.group_size * 4 + BITSANDBYTES_STATE_BYTES
    return rows * columns + rows * SCALE_BYTES
