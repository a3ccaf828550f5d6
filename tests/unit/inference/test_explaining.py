"""vLLM's own words, as its source has them, and ours."""

import pytest

from inference.serving.explaining import explain

CACHE = (
    "(EngineCore pid=1) ERROR [core.py:1510] ValueError: To serve at least one request with the model's max seq len "
    "(8192), (2.0 GiB KV cache is needed, which is larger than the available KV cache memory (0.5 GiB). {longest}Try "
    "increasing `gpu_memory_utilization` ..."
)


LONG = (
    "ValueError: User-specified max_model_len (99999) is greater than the derived max_model_len "
    "(max_position_embeddings=16384.0 or model_max_length=None in model's config.json)."
)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            CACHE.format(longest="Based on the available memory, the estimated maximum model length is 2048. "),
            "needs 2.0 GiB of cache and 0.5 GiB are left: set model.max_context_tokens to 2048 or less.",
        ),
        (CACHE.format(longest=""), "set model.max_context_tokens to fewer or less"),
        (
            LONG,
            "The model knows 16384.0 tokens of context, not 99999",
        ),
        ("ValueError: No available memory for the cache blocks. Try", "leave no memory for conversations"),
        (
            "ValueError: Free memory on device cuda:0 (3.2/24.0 GiB) on startup is less than desired",
            "3.2 of 24.0 GiB are free: something else uses the memory",
        ),
        ("RuntimeError: No CUDA GPUs are available", "No GPU is found any more"),
        ("torch.AcceleratorError: CUDA error: unspecified launch failure", "The GPU failed while it computed"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "The GPU's memory ran out"),
    ],
)
def test_known_words_become_a_sentence_with_what_to_do(line: str, words: str) -> None:
    assert words in explain(["INFO starting", line, "RuntimeError: Engine core initialization failed."])


def test_unknown_words_are_not_explained_and_the_first_known_ones_are_the_cause() -> None:
    assert explain(["KeyError: 'x'"]) == ""
    assert "No GPU" in explain(["RuntimeError: No CUDA GPUs are available", "CUDA out of memory"])
