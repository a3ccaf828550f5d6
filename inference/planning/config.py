"""The facts that sizing needs, read from a model's own ``config.json``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from inference.planning.errors import ConfigWrongError, FactMissingError
from inference.registry.entry import Architecture, Attention, Format
from inference.registry.families import reads_pictures

LATENT_KEYS = ("kv_lora_rank", "q_lora_rank")
HYBRID_KEYS = ("mamba_d_state", "ssm_cfg", "linear_num_key_heads", "attn_layer_period", "hybrid_override_pattern")
SCALE_BITS = 16
EXPERT_KEYS = ("num_experts", "num_local_experts", "n_routed_experts")
SHARED_EXPERT_KEYS = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")


@dataclass(frozen=True)
class Facts:
    """Of one configuration; see the functions that read them one by one."""

    architecture: Architecture
    format: Format
    weight_bits: float | None
    group_size: int | None
    is_compressed: bool


def read_facts(config: Mapping[str, Any]) -> Facts:
    """All of them. Raises FactMissingError where one is absent, and ConfigWrongError where anything is of a wrong
    kind."""
    try:
        return Facts(
            read_architecture(config),
            read_format(config),
            read_effective_bits(config),
            read_group_size(config),
            (config.get("quantization_config") or {}).get("quant_method") == "compressed-tensors",
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigWrongError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}.") from None
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ConfigWrongError(f"a value in it is of a wrong kind ({error}).") from None


def read_architecture(config: Mapping[str, Any]) -> Architecture:
    """Raises FactMissingError where a size is absent. What has no default in every library is not guessed, except what
    transformers leaves out of the file: untied embeddings, and a head size of hidden size by heads."""
    if "text_config" in config:
        config = _take_text_part(config)
    heads = _read(config, "num_attention_heads")
    experts = next((_read(config, key) for key in EXPERT_KEYS if config.get(key)), None)
    facts: dict[str, Any] = {
        "class_name": (config.get("architectures") or ["unknown"])[0],
        "attention": read_attention(config),
        "layers": _read(config, "num_hidden_layers"),
        "hidden_size": _read(config, "hidden_size"),
        "intermediate_size": _read(config, "intermediate_size"),
        "attention_heads": heads,
        "kv_heads": _read_if_said(config, "num_key_value_heads") or heads,
        "head_size": _read_if_said(config, "head_dim") or _read(config, "hidden_size") // heads,
        "vocabulary": _read(config, "vocab_size"),
        "tied_embeddings": bool(config.get("tie_word_embeddings", False)),
        "max_positions": _read(config, "max_position_embeddings"),
        "sources": ("config.json",),
    }
    if experts:
        facts["experts"] = experts
        facts["experts_per_token"] = _read(config, "num_experts_per_tok")
        width = _read_if_said(config, "moe_intermediate_size") or facts["intermediate_size"]
        facts["expert_intermediate_size"] = width
        facts["shared_expert_intermediate_size"] = _read_shared_width(config, width)
    return Architecture(**facts)


def _read_shared_width(config: Mapping[str, Any], width: int) -> int | None:
    """Of the experts that work for every token, which vLLM loads as one layer; None where there are none."""
    if config.get("shared_expert_intermediate_size"):
        return _read(config, "shared_expert_intermediate_size")
    count = next((_read(config, key) for key in SHARED_EXPERT_KEYS if config.get(key)), None)
    return count and count * width


def _take_text_part(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a model that reads pictures too: what is loaded of it here. Raises FactMissingError for other kinds."""
    names = config.get("architectures") or [""]
    if not isinstance(config["text_config"], dict) or not reads_pictures(names[0]):
        raise FactMissingError("text_config is there: a model of several kinds of input can only be measured.")
    said = [level["tie_word_embeddings"] for level in (config, config["text_config"]) if "tie_word_embeddings" in level]
    tied = bool(said) and all(said)  # the levels differ in what transformers 5 saves; vLLM looks for an output head
    return {**config["text_config"], "architectures": names, "tie_word_embeddings": tied}


def read_attention(config: Mapping[str, Any]) -> Attention:
    """How it attends, by the keys that say it is not over the whole context in every layer."""
    if any(config.get(key) for key in LATENT_KEYS):
        return "latent"
    kinds = config.get("layer_types") or ()
    if not isinstance(kinds, list | tuple) or not all(isinstance(kind, str) for kind in kinds):
        raise ConfigWrongError(f"layer_types is {kinds!r:.60}, which is no list of words.")
    if any(config.get(key) for key in HYBRID_KEYS) or any("linear" in kind or "mamba" in kind for kind in kinds):
        return "hybrid"
    uses_window = bool(config.get("sliding_window")) and config.get("use_sliding_window", True)
    if uses_window or any("sliding" in kind or "chunked" in kind for kind in kinds):
        return "sliding"
    return "full"


def read_format(config: Mapping[str, Any]) -> Format:
    """How the weights are stored. Raises FactMissingError for a quantisation that is not known here."""
    quantization = config.get("quantization_config")
    if not quantization:
        return "fp32" if (config.get("dtype") or config.get("torch_dtype")) == "float32" else "bf16"
    method = quantization.get("quant_method")
    if method == "compressed-tensors":
        return _read_compressed(quantization)
    four_bit = quantization.get("bits") == 4
    known: dict[str, Format] = {"awq": "awq-int4", "gptq": "gptq-int4"}
    if method in known and four_bit:
        return known[method]
    if method == "bitsandbytes" and quantization.get("load_in_4bit"):
        return "bnb-nf4"
    if method == "fp8":
        return "fp8"
    raise FactMissingError(f"the size of weights quantised as {method!r} is not known.")


def _read_compressed(quantization: Mapping[str, Any]) -> Format:
    groups = list((quantization.get("config_groups") or {}).values())
    weights = (groups[0].get("weights") or {}) if len(groups) == 1 else {}
    kind = (weights.get("type"), weights.get("num_bits"))
    known: dict[tuple[Any, Any], Format] = {("int", 4): "w4a16-int4", ("int", 8): "w8a8-int8", ("float", 8): "fp8"}
    if kind in known:
        return known[kind]
    raise FactMissingError(f"the size of compressed-tensors weights of kind {kind} is not known.")


def read_effective_bits(config: Mapping[str, Any]) -> float | None:
    """Bits that one weight of a 4-bit format takes with its share of scales and zero points, where the configuration
    says how they are grouped: a 16-bit scale a group, and a 4-bit zero point where it is not symmetric. AWQ and GPTQ
    files have a zero point either way. None where the format's usual figure has to do."""
    quantization = config.get("quantization_config") or {}
    method = quantization.get("quant_method")
    if method in ("awq", "gptq"):
        bits, group, has_zero_point = quantization.get("bits"), quantization.get("group_size"), True
    elif method == "compressed-tensors":
        groups: list[Mapping[str, Any]] = list((quantization.get("config_groups") or {}).values())
        weights = groups[0].get("weights") or {} if groups else {}
        bits, group, has_zero_point = weights.get("num_bits"), weights.get("group_size"), not weights.get("symmetric")
    else:
        return None
    if bits != 4 or not isinstance(group, int) or group < 1:
        return None
    return 4 + (SCALE_BITS + (4 if has_zero_point else 0)) / group


def read_group_size(config: Mapping[str, Any]) -> int | None:
    """How many inputs of a layer share a scale, or how wide a square of FP8 weights is that does; None where a whole
    row shares one, and for numbers that are not quantised. Where several kinds are mixed, what all of them divide."""
    quantization = config.get("quantization_config") or {}
    sizes = [quantization.get("group_size"), *(quantization.get("weight_block_size") or ())]
    for group in (quantization.get("config_groups") or {}).values():
        weights = group.get("weights") or {}
        sizes += [weights.get("group_size"), *(weights.get("block_structure") or ())]
    known = [size for size in sizes if isinstance(size, int) and size > 1]
    return math.lcm(*known) if known else None


def _read(config: Mapping[str, Any], key: str) -> int:
    value = _read_if_said(config, key)
    if value is None:
        raise FactMissingError(f"{key} is not in config.json.")
    return value


def _read_if_said(config: Mapping[str, Any], key: str) -> int | None:
    value = config.get(key)
    if value is not None and (type(value) is not int or value < 1):
        raise ConfigWrongError(f"{key} is {value!r:.60}, which is no size.")
    return value
