"""The recipes as data: what compressed-tensors and bitsandbytes are told, compared whole."""

import pytest

from inference.planning.config import read_format
from inference.quantization.recipes import (
    RECIPE_NAMES,
    RECIPES,
    RecipeName,
    build_bitsandbytes_config,
    build_compressed_config,
)

INT8_WEIGHTS = {
    "num_bits": 8,
    "type": "int",
    "strategy": "channel",
    "group_size": None,
    "symmetric": True,
    "dynamic": False,
}
INT8_ACTIVATIONS = {"num_bits": 8, "type": "int", "strategy": "token", "symmetric": True, "dynamic": True}
GROUPS = {
    "w4a16": {
        "targets": ["Linear"],
        "weights": {
            "num_bits": 4, "type": "int", "strategy": "group", "group_size": 128, "symmetric": True, "dynamic": False,
        },
        "input_activations": None,
    },
    "w8a8-int8": {"targets": ["Linear"], "weights": INT8_WEIGHTS, "input_activations": INT8_ACTIVATIONS},
    "fp8": {
        "targets": ["Linear"],
        "weights": INT8_WEIGHTS | {"type": "float"},
        "input_activations": INT8_ACTIVATIONS | {"type": "float"},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
def test_scheme_is_given_to_the_library_whole(name: RecipeName) -> None:
    assert build_compressed_config(RECIPES[name]) == {
        "config_groups": {"group_0": GROUPS[name]},
        "ignore": ["lm_head", r"re:.*mlp\.gate$"],
        "quantization_status": "initialized",
    }


def test_bitsandbytes_is_told_as_transformers_writes_it() -> None:
    assert build_bitsandbytes_config() == {
        "quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": False, "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": False, "bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_quant_storage": "uint8",
        "llm_int8_skip_modules": ["lm_head"],
    }  # fmt: skip


def test_each_recipe_is_recognised_by_the_planner() -> None:
    assert set(RECIPES) == set(RECIPE_NAMES)
    for recipe in RECIPES.values():
        if recipe.scheme is None:
            config = build_bitsandbytes_config()
        else:
            config = build_compressed_config(recipe) | {"quant_method": "compressed-tensors"}
        assert read_format({"quantization_config": config}) == recipe.format


def test_only_integer_recipes_are_calibrated() -> None:
    assert {name: recipe.modifiers for name, recipe in RECIPES.items() if recipe.takes_calibration} == {
        "w4a16": ("GPTQModifier",),
        "w8a8-int8": ("SmoothQuantModifier", "GPTQModifier"),
    }
