"""A smaller model that guesses ahead, on the real vLLM. As large as the model here, so that its guesses are right."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.metrics.parse import iterate_samples
from inference.planning.need import measure
from inference.planning.sizing import GIB
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.companions import with_companions
from inference.registry.options import Options, Speculative
from inference.registry.spec import ModelSpec
from tests.engines.launch import ENGINE_KV_CACHE_GIB, RunningEngine, build_spec, running_engine
from tests.engines.predicted import read_kv_tokens

TOKENS, GUESSED_AT_A_TIME = 64, 3
ROUNDING = 0.05  # of 16-bit numbers; a token taken at random is less likely by one, as the logarithm has it


@pytest.fixture(scope="module")
def spec(tiny_checkpoints: dict[str, Path]) -> ModelSpec:
    checkpoint = tiny_checkpoints["llama"]
    options = Options(speculative=Speculative("draft_model", GUESSED_AT_A_TIME, checkpoint))
    return with_companions(replace(build_spec(checkpoint), options=options), ())


@pytest.fixture(scope="module")
def engine(spec: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with running_engine(spec, tmp_path_factory.mktemp("draft"), enforce_eager=True) as running:
        yield running


def test_guesses_are_taken_and_an_answer_has_its_length(engine: RunningEngine) -> None:
    body = {
        "model": engine.model, "messages": [{"role": "user", "content": "How much water?"}], "temperature": 0,
        "max_tokens": TOKENS, "ignore_eos": True,
    }  # fmt: skip
    answer = httpx.post(f"{engine.url}/v1/chat/completions", json=body, timeout=240, trust_env=False)
    assert answer.json()["usage"]["completion_tokens"] == TOKENS
    page = httpx.get(f"{engine.url}/metrics", timeout=60, trust_env=False).text
    found = {name: value for name, _, value in iterate_samples(page) if name.startswith("vllm:spec_decode")}
    guessed = found["vllm:spec_decode_num_draft_tokens_total"]
    assert guessed >= TOKENS * GUESSED_AT_A_TIME / (GUESSED_AT_A_TIME + 1) - GUESSED_AT_A_TIME
    assert found["vllm:spec_decode_num_accepted_tokens_total"] >= 0.9 * guessed, "two kernels may round apart"


def test_what_is_written_is_what_the_model_alone_would_write(engine: RunningEngine) -> None:
    """Each token is the likeliest one by a reading of the whole text at once, for which nothing is guessed."""

    def complete(**more: Any) -> dict[str, Any]:
        body = {"model": engine.model, "temperature": 0, **more}
        answer = httpx.post(f"{engine.url}/v1/completions", json=body, timeout=240, trust_env=False)
        choice: dict[str, Any] = answer.json()["choices"][0]
        return choice

    answer = complete(prompt="How much water?", max_tokens=TOKENS, ignore_eos=True, return_token_ids=True)
    prompt, written = answer["prompt_token_ids"], answer["token_ids"]
    found = complete(prompt=prompt + written, max_tokens=1, prompt_logprobs=1)["prompt_logprobs"][len(prompt) :]
    assert len(written) == TOKENS
    for token, likely in zip(written, found, strict=True):
        assert likely[str(token)]["logprob"] > max(each["logprob"] for each in likely.values()) - ROUNDING


def test_cache_has_room_for_both_as_it_was_computed(engine: RunningEngine, spec: ModelSpec) -> None:
    assert spec.path is not None
    per_token = measure(spec, inspect_checkpoint(spec.path)).kv_bytes_per_token
    assert per_token is not None
    assert read_kv_tokens(engine.log) == pytest.approx(ENGINE_KV_CACHE_GIB * GIB / per_token, rel=0.05)
