"""How much GPU memory a model needs, by formula. What it returns is computed, not measured.

The sizing formulas are the project's own notes on vLLM: weights of one GPU are about (quantised linear parameters x
effective bits / 8 + embeddings and output head at 16 bits) / tensor parallel; key-value bytes a token are 2 x
full-attention layers x max(1, KV heads / tensor parallel) x head size x bytes a value. Sliding windows and other kinds
of attention break the second one, and are refused.
"""

from dataclasses import dataclass

from inference.planning.errors import FactMissingError, MeasuredOnlyError
from inference.registry.entry import Architecture, Format

GIB = 1024**3
GB = 1000**3
GPU_SHARE = 0.9
GPU_WORKING_BYTES = 2 * GIB  # activations, graphs, the CUDA context
EFFECTIVE_BITS: dict[Format, float] = {
    "fp32": 16,  # vLLM loads them as 16-bit numbers
    "bf16": 16,
    "fp8": 8,
    "w8a8-int8": 8,
    "awq-int4": 4.25,
    "gptq-int4": 4.25,
    "w4a16-int4": 4.25,
    "bnb-nf4": 4.5,
}
UNQUANTIZED_BYTES = 2  # embeddings, output head and the routers of experts keep 16 bits
ATTENTION_WORDS = {
    "bidirectional": "attends in both directions and keeps no key-value cache",
    "sliding": "attends through sliding windows",
    "latent": "compresses its key-value cache (latent attention)",
    "hybrid": "mixes attention with layers that keep another state",
}
CONTEXT_STEP = 1024


@dataclass(frozen=True)
class Fit:
    """One GPU with one model on it. ``longest_context_tokens`` is of a single request, and 0 where nothing fits;
    ``concurrent_requests``: how many whole contexts of the length asked about fit side by side."""

    gpu_bytes: int
    kv_budget_bytes: int
    longest_context_tokens: int
    concurrent_requests: int


def count_linear_parameters(architecture: Architecture) -> int:
    """The four attention projections and the three of each gated feed-forward block, which is what gets quantised."""
    hidden, head = _know(architecture, "hidden_size"), _know(architecture, "head_size")
    query = _know(architecture, "attention_heads") * head
    key_value = _know(architecture, "kv_heads") * head
    attention = 2 * hidden * query + 2 * hidden * key_value
    if architecture.is_mixture:
        wide = _know(architecture, "experts") * _know(architecture, "expert_intermediate_size")
    else:
        wide = _know(architecture, "intermediate_size")
    return _know(architecture, "layers") * (attention + 3 * hidden * wide)


def count_router_parameters(architecture: Architecture) -> int:
    """What chooses the experts in each layer: nothing in a dense model."""
    if not architecture.is_mixture:
        return 0
    return _know(architecture, "layers") * _know(architecture, "hidden_size") * _know(architecture, "experts")


def count_embedding_parameters(architecture: Architecture) -> int:
    """The token embeddings, and the output head where it is a matrix of its own."""
    if architecture.tied_embeddings is None:
        raise FactMissingError("tied_embeddings is not known.")
    matrices = 1 if architecture.tied_embeddings else 2
    return matrices * _know(architecture, "vocabulary") * _know(architecture, "hidden_size")


def compute_weights_bytes(
    architecture: Architecture, format_: Format, *, tensor_parallel: int = 1, bits: float | None = None
) -> int:
    """Weights on each GPU. ``bits``: what a weight takes with its share of scales, where a configuration says it; else
    the 4-bit formats are counted with the upper end of what their scales and zero points cost."""
    require_full_attention(architecture)
    linear = count_linear_parameters(architecture) * (bits or EFFECTIVE_BITS[format_]) / 8
    rest = (count_embedding_parameters(architecture) + count_router_parameters(architecture)) * UNQUANTIZED_BYTES
    return round((linear + rest) / tensor_parallel)


def compute_kv_bytes_per_token(architecture: Architecture, *, tensor_parallel: int = 1, value_bytes: int = 2) -> int:
    """Keys and values of one token on each GPU; two bytes a value is bf16."""
    require_full_attention(architecture)
    heads = max(1, _know(architecture, "kv_heads") // tensor_parallel)
    return 2 * _know(architecture, "layers") * heads * _know(architecture, "head_size") * value_bytes


def compute_fit(
    architecture: Architecture, format_: Format, *, gpu_bytes: int, context_tokens: int, native_tokens: int | None
) -> Fit:
    """One GPU, of whose memory the engine takes :data:`GPU_SHARE`.

    ``native_tokens`` is the longest context upstream names; what the configuration allows where it names none.
    """
    weights = compute_weights_bytes(architecture, format_)
    budget = max(0, int(gpu_bytes * GPU_SHARE) - GPU_WORKING_BYTES - weights)
    per_token = compute_kv_bytes_per_token(architecture)
    longest = min(budget // per_token, native_tokens or _know(architecture, "max_positions"))
    return Fit(
        gpu_bytes=gpu_bytes,
        kv_budget_bytes=budget,
        longest_context_tokens=longest // CONTEXT_STEP * CONTEXT_STEP,
        concurrent_requests=budget // (per_token * context_tokens),
    )


def require_full_attention(architecture: Architecture) -> None:
    """Raises MeasuredOnlyError for what the formulas do not describe, FactMissingError where nobody knows."""
    if architecture.attention is None:
        raise FactMissingError("attention is not known.")
    if architecture.attention != "full":
        raise MeasuredOnlyError(
            f"{architecture.class_name} {ATTENTION_WORDS[architecture.attention]}, which the formula does not describe."
        )


def _know(architecture: Architecture, fact: str) -> int:
    value: int | None = getattr(architecture, fact)
    if value is None:
        raise FactMissingError(f"{fact} is not known.")
    return value
