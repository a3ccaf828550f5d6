"""The recipes: what becomes of a model's linear layers. Data, and nothing that computes.

Embeddings, norms, the output head and the routers of a mixture of experts keep their 16 bits in all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from inference.registry.entry import Format

RecipeName = Literal["w4a16", "w8a8-int8", "fp8", "bnb-nf4"]
RECIPE_NAMES: tuple[RecipeName, ...] = get_args(RecipeName)
ROUND_TO_NEAREST = "round-to-nearest"
IGNORED = ("lm_head", r"re:.*mlp\.gate$")
BITSANDBYTES_BLOCK = 64  # numbers that share one scale of 32 bits; bitsandbytes' own default


@dataclass(frozen=True)
class Recipe:
    """``scheme`` is a group of compressed-tensors, None where bitsandbytes stores the weights. ``modifiers`` are
    llm-compressor's classes for a calibrated run; () where calibration changes nothing."""

    name: RecipeName
    format: Format
    summary: str
    scheme: Mapping[str, Any] | None
    group_size: int | None
    modifiers: tuple[str, ...] = ()

    @property
    def takes_calibration(self) -> bool:
        return bool(self.modifiers)


def _weights(bits: int, kind: str, strategy: str, group_size: int | None = None) -> dict[str, Any]:
    return {
        "num_bits": bits, "type": kind, "strategy": strategy, "group_size": group_size, "symmetric": True,
        "dynamic": False,
    }  # fmt: skip


def _activations(bits: int, kind: str) -> dict[str, Any]:
    return {"num_bits": bits, "type": kind, "strategy": "token", "symmetric": True, "dynamic": True}


RECIPES: Mapping[RecipeName, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="w4a16", format="w4a16-int4", group_size=128, modifiers=("GPTQModifier",),
            summary="4-bit weights in groups of 128, 16-bit arithmetic",
            scheme={"weights": _weights(4, "int", "group", 128), "input_activations": None},
        ),
        Recipe(
            name="w8a8-int8", format="w8a8-int8", group_size=None, modifiers=("SmoothQuantModifier", "GPTQModifier"),
            summary="8-bit integer weights and arithmetic",
            scheme={"weights": _weights(8, "int", "channel"), "input_activations": _activations(8, "int")},
        ),
        Recipe(
            name="fp8", format="fp8", group_size=None,
            summary="8-bit floating-point weights and arithmetic",
            scheme={"weights": _weights(8, "float", "channel"), "input_activations": _activations(8, "float")},
        ),
        Recipe(
            name="bnb-nf4", format="bnb-nf4", group_size=BITSANDBYTES_BLOCK,
            summary="4-bit NormalFloat weights of bitsandbytes, 16-bit arithmetic",
            scheme=None,
        ),
    )
}  # fmt: skip


def build_compressed_config(recipe: Recipe) -> dict[str, Any]:
    """The ``quantization_config`` that compressed-tensors is given; what it writes adds its own defaults."""
    assert recipe.scheme is not None, "a recipe of compressed-tensors"
    return {
        "config_groups": {"group_0": {"targets": ["Linear"], **recipe.scheme}},
        "ignore": list(IGNORED),
        "quantization_status": "initialized",
    }


def build_bitsandbytes_config() -> dict[str, Any]:
    """The ``quantization_config`` of 4-bit weights, as transformers writes and vLLM reads it."""
    return {
        "quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": False, "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": False, "bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_quant_storage": "uint8",
        "llm_int8_skip_modules": ["lm_head"],
    }  # fmt: skip
