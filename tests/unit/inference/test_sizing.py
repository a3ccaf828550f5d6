import pytest

from inference.planning.errors import FactMissingError, MeasuredOnlyError
from inference.planning.sizing import (
    GB,
    compute_fit,
    compute_kv_bytes_per_token,
    compute_weights_bytes,
    count_embedding_parameters,
    count_linear_parameters,
    count_router_parameters,
)
from inference.registry.entry import Architecture
from inference.registry.load import load_catalogue

KIB = 1024


def architecture(model: str) -> Architecture:
    return load_catalogue().get_entry(model).architecture


@pytest.mark.parametrize(
    ("model", "kibibytes"),
    [
        ("llama-3.1-8b-instruct", 128),
        ("mistral-small-24b-instruct-2501", 160),
        ("qwen3-32b", 256),
        ("llama-3.3-70b-instruct", 320),
    ],
)
def test_kv_bytes_a_token_are_the_known_figures(model: str, kibibytes: int) -> None:
    assert compute_kv_bytes_per_token(architecture(model)) == kibibytes * KIB


def test_kv_bytes_a_token_shrink_with_tensor_parallel_down_to_one_head() -> None:
    llama = architecture("llama-3.1-8b-instruct")
    figures = [compute_kv_bytes_per_token(llama, tensor_parallel=gpus) // KIB for gpus in (1, 2, 8, 16)]
    assert figures == [128, 64, 16, 16]


def test_kv_bytes_a_token_halve_with_eight_bit_values() -> None:
    assert compute_kv_bytes_per_token(architecture("qwen3-32b"), value_bytes=1) == 128 * KIB


@pytest.mark.parametrize(
    ("model", "linear", "embedding"),
    [("qwen3-32b", 31.2, 1.556), ("qwen3-14b", 13.2, 1.556), ("qwen3-8b", 6.95, 1.245), ("qwen3-0.6b", 0.44, 0.156)],
)
def test_parameters_are_what_upstream_says(model: str, linear: float, embedding: float) -> None:
    """Qwen's cards name the parameters without embeddings: 31.2, 13.2, 6.95 and 0.44 thousand million."""
    known = architecture(model)
    assert count_linear_parameters(known) / 1e9 == pytest.approx(linear, rel=0.005)
    assert count_embedding_parameters(known) / 1e9 == pytest.approx(embedding, rel=0.005)


@pytest.mark.parametrize(
    ("model", "total", "embedding"),
    [
        ("llama-3.2-1b-instruct", 1.23, None),
        ("llama-3.2-3b-instruct", 3.21, None),
        ("qwen3-4b-instruct-2507", 4.0, 0.4),
        ("qwen3-30b-a3b-instruct-2507", 30.5, 0.6),
        ("qwen3-235b-a22b-instruct-2507", 235, None),
    ],
)
def test_parameters_with_embeddings_and_experts_are_what_upstream_says(
    model: str, total: float, embedding: float | None
) -> None:
    """From the publishers' cards, rounded as they round."""
    known = architecture(model)
    counted = count_linear_parameters(known) + count_embedding_parameters(known) + count_router_parameters(known)
    assert counted / 1e9 == pytest.approx(total, rel=0.01)
    if embedding is not None:
        assert count_embedding_parameters(known) / 1e9 == pytest.approx(embedding, abs=0.05)


def test_parameters_of_the_embedding_model_are_known_exactly() -> None:
    """Keras counts 595,776,512, of which 65,536 are norms: two of the hidden size and two of the head size in each of
    28 layers, and one at the end."""
    known = architecture("qwen3-embedding-0.6b")
    norms = 28 * (2 * 1024 + 2 * 128) + 1024
    assert count_linear_parameters(known) + count_embedding_parameters(known) + norms == 595_776_512


def test_experts_are_quantised_and_what_chooses_them_is_not() -> None:
    mixture = architecture("qwen3-30b-a3b-instruct-2507")
    linear, routers = count_linear_parameters(mixture), count_router_parameters(mixture)
    assert routers == 48 * 2048 * 128
    assert compute_weights_bytes(mixture, "fp8") == linear + 2 * (routers + count_embedding_parameters(mixture))
    assert count_router_parameters(architecture("qwen3-32b")) == 0


def test_single_precision_is_counted_as_it_is_loaded() -> None:
    llama = architecture("llama-3.1-8b-instruct")
    assert compute_weights_bytes(llama, "fp32") == compute_weights_bytes(llama, "bf16")


def test_weights_count_linear_parameters_at_their_bits_and_the_rest_at_sixteen() -> None:
    llama = architecture("llama-3.1-8b-instruct")
    linear, rest = count_linear_parameters(llama), count_embedding_parameters(llama)
    assert compute_weights_bytes(llama, "bf16") == 2 * (linear + rest)
    assert compute_weights_bytes(llama, "w4a16-int4") == round(linear * 4.25 / 8 + 2 * rest)
    assert compute_weights_bytes(llama, "bf16", tensor_parallel=2) == linear + rest


def test_fit_is_nothing_where_the_weights_alone_are_too_big() -> None:
    fit = compute_fit(
        architecture("llama-3.3-70b-instruct"),
        "w4a16-int4",
        gpu_bytes=24 * GB,
        context_tokens=16384,
        native_tokens=131072,
    )
    assert (fit.kv_budget_bytes, fit.longest_context_tokens, fit.concurrent_requests) == (0, 0, 0)


@pytest.mark.parametrize(("native", "longest"), [(32768, 32768), (None, 40960)])
def test_fit_stops_at_the_context_that_the_model_knows(native: int | None, longest: int) -> None:
    fit = compute_fit(
        architecture("qwen3-32b"), "awq-int4", gpu_bytes=141 * GB, context_tokens=16384, native_tokens=native
    )
    assert fit.longest_context_tokens == longest
    assert fit.concurrent_requests == 24


def test_sizing_refuses_another_kind_of_attention() -> None:
    with pytest.raises(MeasuredOnlyError, match="BertModel"):
        compute_kv_bytes_per_token(architecture("all-minilm-l6-v2"))


@pytest.mark.parametrize("fact", ["attention", "kv_heads", "layers", "head_size"])
def test_sizing_refuses_to_guess_a_fact(fact: str) -> None:
    unknown = architecture("qwen3-32b").model_copy(update={fact: None})
    with pytest.raises(FactMissingError, match=f"^{fact} is not known"):
        compute_kv_bytes_per_token(unknown)


def test_weights_refuse_to_guess_whether_the_head_is_shared() -> None:
    with pytest.raises(FactMissingError, match="tied_embeddings"):
        compute_weights_bytes(architecture("qwen3-32b").model_copy(update={"tied_embeddings": None}), "bf16")
