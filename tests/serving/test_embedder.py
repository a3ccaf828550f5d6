"""The real embedder over HTTP."""

import base64
import concurrent.futures
import math
import signal
import struct
from pathlib import Path
from typing import Any

import httpx

from inference.serving.command import embedder_command
from tests.engines.launch import INFERENCE_PYTHON, ROOT, answers, free_port, running

MODEL = "all-MiniLM-L6-v2"


def embed(url: str, texts: str | list[str], **more: Any) -> dict[str, Any]:
    response = httpx.post(
        f"{url}/v1/embeddings", json={"model": MODEL, "input": texts, **more}, timeout=120, trust_env=False
    )
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def similarity(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_embeddings_are_unit_vectors_that_know_meaning(embedder: str) -> None:
    answer = embed(embedder, ["The cat sleeps.", "A kitten is napping.", "Quarterly tax returns."])
    cat, kitten, tax = (item["embedding"] for item in answer["data"])
    assert len(cat) == 384
    assert math.isclose(similarity(cat, cat), 1, rel_tol=1e-5)
    assert similarity(cat, kitten) > 0.5 > similarity(cat, tax)


def test_embeddings_keep_the_order_of_a_batch_larger_than_a_slice(embedder: str) -> None:
    texts = [f"Line {n}. " + "word " * (n % 7) for n in range(40)]
    batch = [item["embedding"] for item in embed(embedder, texts)["data"]]
    for index in (0, 17, 39):
        alone = embed(embedder, texts[index])["data"][0]["embedding"]
        assert similarity(alone, batch[index]) > 0.9999


def test_embeddings_in_base64_equal_those_in_floats(embedder: str) -> None:
    floats = embed(embedder, "one text")["data"][0]["embedding"]
    packed = embed(embedder, "one text", encoding_format="base64")["data"][0]["embedding"]
    assert max(abs(a - b) for a, b in zip(struct.unpack("<384f", base64.b64decode(packed)), floats, strict=True)) < 1e-6


def test_usage_counts_tokens_that_the_model_read(embedder: str) -> None:
    assert embed(embedder, "hello world")["usage"] == {"prompt_tokens": 4, "total_tokens": 4}  # with [CLS] and [SEP]


def test_text_beyond_the_window_is_cut_and_named(embedder: str) -> None:
    answer = embed(embedder, ["short", "word " * 1000])
    assert answer["truncated"] == [1]
    assert answer["usage"]["prompt_tokens"] == 3 + 256


def test_bad_requests_are_refused_in_openai_shape(embedder: str) -> None:
    for content, status in ((b"{", 400), (b'{"model":"x","input":"a"}', 404), (b" " * (9 * 1024 * 1024), 413)):
        response = httpx.post(f"{embedder}/v1/embeddings", content=content, timeout=30, trust_env=False)
        assert response.status_code == status
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_model_list_names_window_and_dimensions(embedder: str) -> None:
    card = httpx.get(f"{embedder}/v1/models", trust_env=False).json()["data"][0]
    assert (card["id"], card["max_model_len"], card["dimensions"]) == (MODEL, 256, 384)


def test_health_is_answered_while_a_batch_is_encoded(embedder: str) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        checked_during_batch = 0
        while checked_during_batch < 4:  # a fast machine needs more than one batch for that
            batch = pool.submit(embed, embedder, ["word " * 200] * 64)
            while not batch.done():
                assert httpx.get(f"{embedder}/health", timeout=20, trust_env=False).status_code == 200
                checked_during_batch += not batch.done()
            assert len(batch.result()["data"]) == 64


def test_embedder_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    port = free_port()
    command = embedder_command(python=INFERENCE_PYTHON, port=port, data_dir=tmp_path, root=ROOT, threads=1)
    log = tmp_path / "log"

    def ready() -> bool:
        return answers(f"http://127.0.0.1:{port}/health")

    with running(command, log=log, ready=ready, deadline_seconds=120) as process:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert "Application shutdown complete" in log.read_text()
    assert "Traceback" not in log.read_text()
