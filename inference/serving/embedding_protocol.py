"""The OpenAI ``/v1/embeddings`` wire format: requests read, answers and errors built. Owns no model and no server."""

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

MAX_INPUTS = 256
MAX_CHARACTERS = 1_000_000
MAX_BODY_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class EmbeddingRequest:
    texts: tuple[str, ...]
    encoding_format: Literal["float", "base64"]


class RefusedRequestError(Exception):
    """A request the embedder will not serve: says which parameter and how to put it right."""

    def __init__(self, message: str, *, param: str | None = None, status: int = 400, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
        self.code = code

    def body(self) -> dict[str, Any]:
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def read_request(body: Any, *, served_name: str, dimensions: int) -> EmbeddingRequest:
    """Check a decoded JSON body. Raises :class:`RefusedRequestError`."""
    if not isinstance(body, dict):
        raise RefusedRequestError("The body must be a JSON object with 'model' and 'input'.")
    model = body.get("model")
    if not isinstance(model, str):
        raise RefusedRequestError(f"'model' is missing; this server has {served_name!r}.", param="model")
    if model != served_name:
        raise RefusedRequestError(
            f"The model {model!r} does not exist; this server has {served_name!r}.",
            param="model",
            status=404,
            code="model_not_found",
        )
    encoding_format = body.get("encoding_format", "float")
    if encoding_format not in ("float", "base64"):
        raise RefusedRequestError("'encoding_format' must be 'float' or 'base64'.", param="encoding_format")
    wanted = body.get("dimensions")
    if wanted is not None and wanted != dimensions:
        raise RefusedRequestError(f"'dimensions' must be {dimensions} or absent.", param="dimensions")
    return EmbeddingRequest(texts=_read_texts(body.get("input")), encoding_format=encoding_format)


def _read_texts(value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise RefusedRequestError("'input' must be a string or a non-empty list of strings.", param="input")
    if len(texts) > MAX_INPUTS:
        raise RefusedRequestError(
            f"'input' holds {len(texts)} texts; the most is {MAX_INPUTS}. Send batches.", param="input"
        )
    empty = next((index for index, text in enumerate(texts) if not text.strip()), None)
    if empty is not None:
        raise RefusedRequestError(f"'input' text {empty} is empty.", param="input")
    characters = sum(map(len, texts))
    if characters > MAX_CHARACTERS:
        raise RefusedRequestError(
            f"'input' holds {characters} characters; the most is {MAX_CHARACTERS}. Send batches.", param="input"
        )
    return tuple(texts)


def build_response(
    *,
    served_name: str,
    vectors: Sequence[Sequence[float]],
    encoding_format: Literal["float", "base64"],
    prompt_tokens: int,
    truncated: Sequence[int],
) -> dict[str, Any]:
    """The answer body. ``truncated`` names the inputs whose end did not fit the model's window and was not read."""
    return {
        "object": "list",
        "model": served_name,
        "data": [
            {"object": "embedding", "index": index, "embedding": _encode_vector(vector, encoding_format)}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens},
        "truncated": list(truncated),
    }


def _encode_vector(vector: Sequence[float], encoding_format: str) -> list[float] | str:
    if encoding_format == "float":
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def build_model_list(*, served_name: str, max_tokens: int, dimensions: int, created: int) -> dict[str, Any]:
    card = {
        "id": served_name,
        "object": "model",
        "created": created,
        "owned_by": "appliance",
        "max_model_len": max_tokens,
        "dimensions": dimensions,
    }
    return {"object": "list", "data": [card]}
