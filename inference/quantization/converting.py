"""From the tensors of one piece to those of the result, without any calibration: each weight to the nearest number.

llm-compressor does it where the result is of compressed-tensors, bitsandbytes itself where it is of bitsandbytes.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import quantize_4bit
from compressed_tensors.quantization import QuantizationConfig
from llmcompressor.entrypoints.model_free.converter import ModelFreePtqConverter
from llmcompressor.entrypoints.model_free.save_utils import update_config
from llmcompressor.entrypoints.model_free.validate import validate_config

from inference.quantization.pieces import is_linear
from inference.quantization.recipes import (
    BITSANDBYTES_BLOCK,
    Recipe,
    build_bitsandbytes_config,
    build_compressed_config,
)

Tensors = dict[str, torch.Tensor]
Convert = Callable[[Tensors], Tensors]


def build_converter(recipe: Recipe) -> Convert:
    """Changes the linear layers of a piece and passes the rest on."""
    to_linear = _convert_to_nf4 if recipe.scheme is None else _build_compressed_converter(recipe)

    def convert(tensors: Tensors) -> Tensors:
        linear = {name: of for name, of in tensors.items() if is_linear(name)}
        return {name: of for name, of in tensors.items() if name not in linear} | to_linear(linear)

    return convert


def build_library_config(recipe: Recipe) -> QuantizationConfig:
    return validate_config(QuantizationConfig.model_validate(build_compressed_config(recipe)), None, ())


def _build_compressed_converter(recipe: Recipe) -> Convert:
    converter = ModelFreePtqConverter(build_library_config(recipe))

    def convert(tensors: Tensors) -> Tensors:
        with torch.no_grad():
            changed: Tensors = converter.process(dict(tensors))
        return changed

    return convert


def _convert_to_nf4(tensors: Tensors) -> Tensors:
    """As transformers saves 4-bit weights, but with scales of 32 bits: vLLM widens narrower ones when it loads them, so
    they would save no memory."""
    changed: Tensors = {}
    for name, weight in tensors.items():
        packed, state = quantize_4bit(weight, blocksize=BITSANDBYTES_BLOCK, quant_type="nf4")
        changed[name] = packed
        changed |= {f"{name}.{key}": value.clone() for key, value in state.as_dict(packed=True).items()}
    return changed


def write_config(parent: Path, target: Path, recipe: Recipe) -> None:
    """The parent's ``config.json`` with what was done to its weights. 32-bit weights have become 16-bit ones."""
    config: dict[str, Any] = json.loads(parent.read_text(encoding="utf-8"))
    for key in ("dtype", "torch_dtype"):
        if config.get(key) == "float32":
            config[key] = "bfloat16"
    if recipe.scheme is None:
        config["quantization_config"] = build_bitsandbytes_config()
    target.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if recipe.scheme is not None:
        update_config(target.parent, _with_format(build_library_config(recipe), recipe))


def _with_format(config: QuantizationConfig, recipe: Recipe) -> QuantizationConfig:
    """The name of how the numbers are packed, which the library only finds out while it packs them."""
    packed = {"w4a16-int4": "pack-quantized", "w8a8-int8": "int-quantized", "fp8": "float-quantized"}
    for scheme in config.config_groups.values():
        scheme.format = packed[recipe.format]
    return config
