"""Vectors for texts, in batches, in order, with every call accounted for."""

import math
import time
from collections.abc import Sequence
from typing import Any

import httpx
from django.db import connection

from webapp.llm.errors import EngineUnavailable, LlmError
from webapp.llm.services import endpoints, routing, wire
from webapp.llm.types import ModelInfo
from webapp.usage import api as usage
from webapp.usage.types import Attribution

BATCH = 64
READ_SECONDS = 120.0
RETRY_AFTER_SECONDS = (0.25, 1.0)


def embed(*, texts: Sequence[str], attribution: Attribution) -> list[list[float]]:
    if not texts:
        return []
    known = endpoints.list_endpoints(role="embed")
    vectors: list[list[float]] = []
    for start in range(0, len(texts), BATCH):
        vectors += _embed_batch(known, list(texts[start : start + BATCH]), attribution)
    dimensions = known[0].detail.get("dimensions") or len(vectors[0])
    if any(len(vector) != dimensions for vector in vectors):
        raise EngineUnavailable(f"the embedder answered with vectors that do not all have {dimensions} dimensions")
    return vectors


def _embed_batch(known: list[ModelInfo], texts: list[str], attribution: Attribution) -> list[list[float]]:
    """Three tries. Another endpoint is asked at once; where there is no other, the same again after a pause."""
    tried: list[ModelInfo] = []
    for delay_seconds in (*RETRY_AFTER_SECONDS, None):
        with routing.taking(known, tried=tried, affinity="") as endpoint:
            assert endpoint is not None  # something is left, or nothing has been tried
            try:
                return _call(endpoint, texts, attribution)
            except LlmError as error:
                if delay_seconds is None or not _may_pass(error, len(known)):
                    raise
        tried.append(endpoint)
        if routing.pick(known, tried=tried, affinity="") is None:
            tried.clear()
            time.sleep(delay_seconds)
    raise AssertionError("the last try returns or raises")


def _may_pass(error: LlmError, endpoint_count: int) -> bool:
    return error.retryable or (endpoint_count > 1 and routing.is_endpoints_fault(error))


def _call(model: ModelInfo, texts: list[str], attribution: Attribution) -> list[list[float]]:
    call_id = usage.open_call(kind="embed", model=model.model_name, attribution=attribution)
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: the embedder may take minutes
    try:
        with routing.attempting(model) as attempt:
            content = _post(f"{model.base_url}/v1/embeddings", {"model": model.model_name, "input": texts})
            vectors = _vectors(content, expected=len(texts))
            attempt.succeeded()
    except BaseException as error:
        reason = str(error) if isinstance(error, LlmError) else type(error).__name__
        usage.settle_call(call_id=call_id, status="failed", error=reason)
        raise
    counts = content.get("usage")
    tokens = counts.get("prompt_tokens") if isinstance(counts, dict) else None
    usage.settle_call(call_id=call_id, status="ok", input_tokens=tokens if isinstance(tokens, int) else None)
    return vectors


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        response = wire.client().post(url, json=body, timeout=wire.timeout(READ_SECONDS))
    except httpx.HTTPError as error:
        raise wire.error_of_transport(error) from error
    if response.status_code != 200:
        raise wire.error_of_status(response.status_code, response.text)
    try:
        content = response.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise EngineUnavailable("the embedder answered with something that is not a JSON object")
    return content


def _vectors(content: dict[str, Any], *, expected: int) -> list[list[float]]:
    """The vectors in the order of ``index``: a server may answer in another."""
    try:
        by_index = {int(item["index"]): [float(x) for x in item["embedding"]] for item in content["data"]}
    except (KeyError, TypeError, ValueError):
        raise EngineUnavailable("the embedder's answer does not have the shape of embeddings") from None
    if sorted(by_index) != list(range(expected)):
        raise EngineUnavailable(f"the embedder answered with {len(by_index)} vectors for {expected} texts")
    vectors = [by_index[index] for index in range(expected)]
    if not all(math.isfinite(x) for vector in vectors for x in vector):
        raise EngineUnavailable("the embedder answered with numbers that are not finite")
    return vectors
