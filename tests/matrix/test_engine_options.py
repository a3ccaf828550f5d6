"""Options of the engine on the real vLLM: a full queue, guesses ahead, answers that obey a schema."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.registry.companions import with_companions
from inference.registry.options import NamedAdapter, Options, Speculative
from tests.engines.adapters import write_adapter
from tests.engines.launch import RunningEngine, build_spec, running_engine
from webapp.llm.errors import EngineBusy
from webapp.llm.services.wire import error_of_status

OPTIONS = Options(
    max_running=1,
    max_waiting=1,
    max_waiting_tokens=1000,
    speculative=Speculative("ngram", 3),
    structured_outputs="xgrammar",
)
ASKING, FULL_SECONDS = 6, 120
SCHEMA = {"type": "object", "properties": {"full": {"type": "boolean"}}, "required": ["full"]}


@pytest.fixture(scope="module")
def engine(tiny_checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    folder = tmp_path_factory.mktemp("options")
    adapters = (NamedAdapter("house-style", write_adapter(folder / "house,style")),)
    spec = replace(build_spec(tiny_checkpoints["llama"]), options=replace(OPTIONS, adapters=adapters))
    with running_engine(with_companions(spec, ()), folder, enforce_eager=True) as running:
        yield running


def build_body(engine: RunningEngine, text: str, **more: Any) -> dict[str, Any]:
    return {"model": engine.model, "messages": [{"role": "user", "content": text}], "temperature": 0} | more


def ask(engine: RunningEngine, text: str, **more: Any) -> httpx.Response:
    with build_client(engine) as client:
        return client.post("/v1/chat/completions", json=build_body(engine, text, **more))


def build_client(engine: RunningEngine) -> httpx.Client:
    """Each request has its own connection: none is asked over just when the server closes it."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.Client(base_url=engine.url, timeout=240, trust_env=False, limits=limits)


def read_metric(engine: RunningEngine, name: str) -> float:
    page = httpx.get(f"{engine.url}/metrics", trust_env=False).text
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(f"{name}{{"))


def test_full_queue_answers_503_in_words_that_the_client_takes_for_busy(engine: RunningEngine) -> None:
    answered, refused = list[httpx.Response](), list[httpx.Response]()
    deadline = time.monotonic() + FULL_SECONDS

    def keep_asking(client: httpx.Client, number: int) -> None:
        """However quickly one is answered: while nobody was refused all are asking, and there is no room for all."""
        while not refused and time.monotonic() < deadline:
            body = build_body(engine, f"water {number}", max_tokens=2000, ignore_eos=True)
            answer = client.post("/v1/chat/completions", json=body)
            (answered if answer.status_code == 200 else refused).append(answer)

    with build_client(engine) as client, ThreadPoolExecutor(ASKING) as pool:
        asking = [pool.submit(keep_asking, client, number) for number in range(ASKING)]
    for each in asking:
        each.result()
    assert refused
    assert answered, "what runs and what may wait is answered"
    assert {type(error_of_status(each.status_code, each.text)) for each in refused} == {EngineBusy}
    assert ask(engine, "And now?", max_tokens=1).status_code == 200


def test_guesses_are_made_and_an_answer_has_its_length(engine: RunningEngine) -> None:
    before = read_metric(engine, "vllm:spec_decode_num_draft_tokens_total")
    answer = ask(engine, "one two three four one two three four one two three", max_tokens=64, ignore_eos=True)
    assert answer.json()["usage"]["completion_tokens"] == 64
    assert read_metric(engine, "vllm:spec_decode_num_draft_tokens_total") > before


def test_answer_obeys_a_schema_and_a_schema_beyond_the_backend_is_refused(engine: RunningEngine) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "reservoir", "schema": SCHEMA}}
    answer = ask(engine, "Is it full?", max_tokens=200, response_format=form)
    content = json.loads(answer.json()["choices"][0]["message"]["content"])
    assert set(content) == {"full"}
    assert type(content["full"]) is bool
    beyond = {**SCHEMA, "properties": {"full": {"type": "array", "uniqueItems": True}}}
    refused = ask(
        engine, "Is it full?", max_tokens=9, response_format={**form, "json_schema": {"name": "x", "schema": beyond}}
    )
    assert refused.status_code == 400


def test_pattern_of_nested_repetitions_does_not_hold_the_engine_up(engine: RunningEngine) -> None:
    refused = ask(engine, "a", max_tokens=4, structured_outputs={"regex": "(a{1,900}){1,900}(b{1,900}){1,900}c"})
    assert refused.elapsed.total_seconds() < 10
    assert ask(engine, "And now?", max_tokens=1).status_code == 200


def stream(engine: RunningEngine, model: str) -> str:
    body = build_body(engine, "How much water?", model=model, max_tokens=48, ignore_eos=True, stream=True)
    pieces = []
    with httpx.stream("POST", f"{engine.url}/v1/chat/completions", json=body, timeout=120, trust_env=False) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                pieces += [each["delta"].get("content") or "" for each in json.loads(line[6:])["choices"]]
    assert len([piece for piece in pieces if piece]) > 1, "it came in one piece"
    return "".join(pieces)


def test_adapter_is_a_model_of_its_own_that_answers_otherwise(engine: RunningEngine) -> None:
    listed = httpx.get(f"{engine.url}/v1/models", trust_env=False).json()["data"]
    assert [card["id"] for card in listed] == [engine.model, "house-style"]
    plain, styled = stream(engine, engine.model), stream(engine, "house-style")
    assert plain != styled
    assert stream(engine, engine.model) == plain
    assert stream(engine, "house-style") == styled


def test_adapter_cannot_be_loaded_by_whoever_asks(engine: RunningEngine) -> None:
    for path in ("/v1/load_lora_adapter", "/v1/unload_lora_adapter"):
        body = {"lora_name": "house-style", "lora_path": "/models"}
        assert httpx.post(f"{engine.url}{path}", json=body, trust_env=False).status_code == 404
    assert ask(engine, "a", model="another-style", max_tokens=1).status_code == 404
