"""What ``config.json`` says, as the facts that sizing needs; what it does not describe is recognised."""

from typing import Any

import pytest

from inference.planning.config import (
    read_architecture,
    read_attention,
    read_effective_bits,
    read_format,
    read_group_size,
)
from inference.planning.errors import FactMissingError
from inference.registry.load import load_catalogue

QWEN3_8B: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"], "head_dim": 128, "hidden_size": 4096, "intermediate_size": 12288,
    "max_position_embeddings": 40960, "num_attention_heads": 32, "num_hidden_layers": 36, "num_key_value_heads": 8,
    "sliding_window": None, "tie_word_embeddings": False, "use_sliding_window": False, "vocab_size": 151936,
}  # fmt: skip
QWEN3_CODER: dict[str, Any] = {
    "architectures": ["Qwen3MoeForCausalLM"], "head_dim": 128, "hidden_size": 2048, "intermediate_size": 5472,
    "max_position_embeddings": 262144, "moe_intermediate_size": 768, "num_attention_heads": 32, "num_experts": 128,
    "num_experts_per_tok": 8, "num_hidden_layers": 48, "num_key_value_heads": 4, "sliding_window": None,
    "tie_word_embeddings": False, "use_sliding_window": False, "vocab_size": 151936,
}  # fmt: skip


@pytest.mark.parametrize(("config", "model"), [(QWEN3_8B, "qwen3-8b"), (QWEN3_CODER, "qwen3-coder-30b-a3b-instruct")])
def test_config_gives_the_facts_of_the_catalogue(config: dict[str, Any], model: str) -> None:
    known = load_catalogue().get_entry(model).architecture
    assert read_architecture(config) == known.model_copy(update={"sources": ("config.json",)})


def test_what_transformers_leaves_out_is_filled_in() -> None:
    short = {key: value for key, value in QWEN3_8B.items() if key not in ("head_dim", "tie_word_embeddings")}
    short["num_key_value_heads"] = None
    read = read_architecture(short)
    assert (read.head_size, read.kv_heads, read.tied_embeddings) == (128, 32, False)


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size", "max_position_embeddings"])
def test_config_without_a_size_is_refused_with_the_key(key: str) -> None:
    with pytest.raises(FactMissingError, match=f"^{key} is not in config.json"):
        read_architecture({**QWEN3_8B, key: None})


DEVSTRAL: dict[str, Any] = {
    "architectures": ["Mistral3ForConditionalGeneration"], "tie_word_embeddings": False, "vision_config": {},
    "text_config": {
        "head_dim": 128, "hidden_size": 5120, "intermediate_size": 32768, "max_position_embeddings": 393216,
        "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 8, "sliding_window": None,
        "vocab_size": 131072,
    },
}  # fmt: skip


def test_of_a_model_that_reads_pictures_the_part_for_text_is_planned() -> None:
    known = load_catalogue().get_entry("devstral-small-2-24b-instruct-2512").architecture
    assert read_architecture(DEVSTRAL) == known.model_copy(update={"sources": ("config.json",)})


@pytest.mark.parametrize(
    ("whole", "text", "tied"),
    [(True, False, False), (False, True, False), (True, True, True), (None, True, True), (None, None, False)],
)
def test_embeddings_are_counted_once_only_where_no_level_of_the_configuration_contradicts(
    whole: bool | None, text: bool | None, tied: bool
) -> None:
    """transformers 5 saves ``true`` for the whole of a Mistral 3 whose text has a head of its own."""
    config = {
        **DEVSTRAL,
        "tie_word_embeddings": whole,
        "text_config": {**DEVSTRAL["text_config"], "tie_word_embeddings": text},
    }
    for level in (config, config["text_config"]):
        if level["tie_word_embeddings"] is None:
            del level["tie_word_embeddings"]
    assert read_architecture(config).tied_embeddings is tied


@pytest.mark.parametrize("config", [{"text_config": QWEN3_8B}, {**DEVSTRAL, "text_config": 3}])
def test_model_of_other_kinds_of_input_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(FactMissingError, match="several kinds of input"):
        read_architecture(config)


def grouped(bits: int, group_size: int | None, *, symmetric: bool) -> dict[str, Any]:
    weights = {"type": "int", "num_bits": bits, "group_size": group_size, "symmetric": symmetric}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}


@pytest.mark.parametrize(
    ("keys", "attention"),
    [
        ({}, "full"),
        ({"sliding_window": 4096, "use_sliding_window": False}, "full"),
        ({"sliding_window": 4096, "use_sliding_window": True}, "sliding"),
        ({"sliding_window": 4096}, "sliding"),
        ({"layer_types": ["full_attention", "full_attention"]}, "full"),
        ({"layer_types": ["sliding_attention", "full_attention"]}, "sliding"),
        ({"layer_types": ["chunked_attention", "full_attention"]}, "sliding"),
        ({"layer_types": ["linear_attention", "full_attention"]}, "hybrid"),
        ({"mamba_d_state": 128}, "hybrid"),
        ({"kv_lora_rank": 512}, "latent"),
    ],
)
def test_attention_is_recognised(keys: dict[str, Any], attention: str) -> None:
    config = {key: value for key, value in QWEN3_8B.items() if "sliding" not in key}
    assert read_attention({**config, **keys}) == attention


@pytest.mark.parametrize(
    ("quantization", "bits"),
    [
        (grouped(4, 128, symmetric=True), 4.125),
        (grouped(4, 128, symmetric=False), 4.15625),
        (grouped(4, 32, symmetric=True), 4.5),
        (grouped(8, None, symmetric=True), None),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, 4.15625),
        ({"quant_method": "gptq", "bits": 4, "group_size": -1}, None),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, None),
        (None, None),
    ],
)
def test_bits_of_a_weight_are_counted_with_its_share_of_scales(
    quantization: dict[str, Any] | None, bits: float | None
) -> None:
    assert read_effective_bits({"quantization_config": quantization}) == bits


@pytest.mark.parametrize(
    ("quantization", "size"),
    [
        (None, None),
        (grouped(4, 32, symmetric=True), 32),
        (grouped(8, None, symmetric=True), None),
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, 64),
        ({"quant_method": "gptq", "bits": 4, "group_size": -1}, None),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 128),
        ({"quant_method": "fp8", "activation_scheme": "static"}, None),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "block_structure": [64, 128]}}},
            },
            128,
        ),
    ],
)
def test_inputs_that_share_a_scale_are_counted(quantization: dict[str, Any] | None, size: int | None) -> None:
    assert read_group_size({"quantization_config": quantization}) == size


def compressed(kind: str, bits: int) -> dict[str, Any]:
    return {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": {"weights": {"type": kind, "num_bits": bits}}},
    }


@pytest.mark.parametrize(
    ("quantization", "format_"),
    [
        (None, "bf16"),
        ({"quant_method": "awq", "bits": 4}, "awq-int4"),
        ({"quant_method": "gptq", "bits": 4}, "gptq-int4"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bnb-nf4"),
        ({"quant_method": "fp8"}, "fp8"),
        (compressed("int", 4), "w4a16-int4"),
        (compressed("int", 8), "w8a8-int8"),
        (compressed("float", 8), "fp8"),
    ],
)
def test_format_is_recognised(quantization: dict[str, Any] | None, format_: str) -> None:
    assert read_format({"dtype": "bfloat16", "quantization_config": quantization}) == format_


@pytest.mark.parametrize("key", ["dtype", "torch_dtype"])
def test_single_precision_is_recognised_under_both_names(key: str) -> None:
    assert read_format({key: "float32"}) == "fp32"


@pytest.mark.parametrize(
    "quantization", [{"quant_method": "gptq", "bits": 8}, {"quant_method": "odd"}, compressed("int", 2)]
)
def test_quantisation_of_unknown_size_is_refused(quantization: dict[str, Any]) -> None:
    with pytest.raises(FactMissingError, match="is not known"):
        read_format({"quantization_config": quantization})
