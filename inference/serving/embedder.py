"""A thin OpenAI-compatible embeddings server: ``python -m inference.serving.embedder --port 8420``.

Encoding runs in one thread, in slices, so that the event loop stays free and a single question does not wait for a
whole batch of somebody's upload. A text longer than the model's window is cut: the answer's ``truncated`` says which.
"""

import argparse
import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inference.serving.embedding_protocol import (
    MAX_BODY_BYTES,
    EmbeddingRequest,
    RefusedRequestError,
    build_model_list,
    build_response,
    read_request,
)
from inference.serving.encoder import Encoder

SLICE = 16
MAX_WAITING = 64
SHUTDOWN_SECONDS = 10
CLIENT_CLOSED_REQUEST = 499


class ClientGoneError(Exception):
    """Nobody waits for this answer any more."""


class EmbeddingService:
    """The endpoints over one encoder and its one thread."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        self._waiting = 0
        self._created = int(time.time())

    async def models(self, _request: Request) -> Response:
        encoder = self._encoder
        return JSONResponse(
            build_model_list(
                served_name=encoder.name,
                max_tokens=encoder.max_tokens,
                dimensions=encoder.dimensions,
                created=self._created,
            )
        )

    async def health(self, _request: Request) -> Response:
        return Response(status_code=200)

    async def embeddings(self, request: Request) -> Response:
        if self._waiting >= MAX_WAITING:
            busy = RefusedRequestError("The embedder is busy; try again shortly.", status=503, code="busy")
            return JSONResponse(busy.body(), status_code=503, headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            body = await _read_json(request)
            wanted = read_request(body, served_name=self._encoder.name, dimensions=self._encoder.dimensions)
            return JSONResponse(await self._encode(wanted, request))
        except RefusedRequestError as refusal:
            return JSONResponse(refusal.body(), status_code=refusal.status)
        except ClientGoneError:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        finally:
            self._waiting -= 1

    async def _encode(self, wanted: EmbeddingRequest, request: Request) -> dict[str, Any]:
        texts = wanted.texts
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors: list[tuple[float, ...]] = [()] * len(texts)
        truncated: list[int] = []
        tokens = 0
        for start in range(0, len(by_length), SLICE):
            if await request.is_disconnected():
                raise ClientGoneError
            indexes = by_length[start : start + SLICE]
            part = [texts[index] for index in indexes]
            encoded = await asyncio.get_running_loop().run_in_executor(self._thread, self._encoder.encode, part)
            for position, index in enumerate(indexes):
                vectors[index] = encoded.vectors[position]
                if encoded.truncated[position]:
                    truncated.append(index)
            tokens += sum(encoded.tokens)
        return build_response(
            served_name=self._encoder.name,
            vectors=vectors,
            encoding_format=wanted.encoding_format,
            prompt_tokens=tokens,
            truncated=sorted(truncated),
        )


async def _read_json(request: Request) -> Any:
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > MAX_BODY_BYTES:
            raise RefusedRequestError(f"The body is larger than {MAX_BODY_BYTES} bytes.", status=413)
    try:
        return json.loads(received)
    except (ValueError, RecursionError):
        raise RefusedRequestError("The body is not valid JSON.") from None


def build_application(encoder: Encoder) -> Starlette:
    service = EmbeddingService(encoder)
    return Starlette(
        routes=[
            Route("/health", service.health),
            Route("/v1/models", service.models),
            Route("/v1/embeddings", service.embeddings, methods=["POST"]),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve OpenAI-compatible embeddings from files on this machine.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="a packaged model or a directory")
    parser.add_argument("--threads", type=int, default=min(4, os.cpu_count() or 1))
    arguments = parser.parse_args()
    encoder = Encoder(arguments.model, threads=arguments.threads)
    encoder.encode(["warm"])
    uvicorn.run(
        build_application(encoder),
        host=arguments.host,
        port=arguments.port,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    main()
