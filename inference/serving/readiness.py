"""Whether an engine really answers: ``python -m inference.serving.readiness --url http://127.0.0.1:8410``.

Ready means that ``/v1/models`` names a model and that this model writes one token. A scheduler can be stuck while
``/health`` still says 200, so ``/health`` is not asked. Where that is too much to ask every few seconds, ``--ask`` asks
for less: whether the model is listed, or whether the process answers.
"""

import argparse
import http.client
import json
import math
import sys
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from typing import Any, Literal

CANARY_SECONDS = 60.0
ASK = ("token", "embedding", "reranking", "models", "health")
MODELS_SECONDS = 5.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback never goes through a proxy


@dataclass(frozen=True)
class Readiness:
    """``reason`` says in words what was missing, and is empty when ready."""

    ready: bool
    model: str | None
    max_model_tokens: int | None
    reason: str


def check_engine(url: str, *, seconds: float = CANARY_SECONDS) -> Readiness:
    """``url`` is the base without ``/v1``. Never raises for an engine that is absent, slow or wrong."""
    listed = check_listed(url)
    if not listed.ready:
        return listed
    model, max_tokens = listed.model, listed.max_model_tokens
    canary = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1, "temperature": 0}
    try:
        written = _call(f"{url}/v1/chat/completions", canary, seconds)["usage"]["completion_tokens"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        return Readiness(False, model, max_tokens, f"The engine lists {model} but writes nothing: {_explain(error)}.")
    if written < 1:
        return Readiness(False, model, max_tokens, f"The engine lists {model} but wrote no token.")
    return Readiness(True, model, max_tokens, "")


def check_pooling(
    url: str, purpose: Literal["embedding", "reranking"], *, seconds: float = CANARY_SECONDS
) -> Readiness:
    """The same of a model that writes nothing: it is listed, and embeds or ranks one word."""
    listed = check_listed(url)
    if not listed.ready:
        return listed
    model, max_tokens = listed.model, listed.max_model_tokens
    try:
        if purpose == "embedding":
            answer = _call(f"{url}/v1/embeddings", {"model": model, "input": ["Hello"]}, seconds)
            numbers = [float(number) for number in answer["data"][0]["embedding"]]
        else:
            canary = {"model": model, "query": "Hello", "documents": ["Hello"]}
            answer = _call(f"{url}/v1/rerank", canary, seconds)
            numbers = [float(answer["results"][0]["relevance_score"])]
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        return Readiness(False, model, max_tokens, f"The engine lists {model}, which does nothing: {_explain(error)}.")
    if not numbers or not all(map(math.isfinite, numbers)):
        return Readiness(False, model, max_tokens, f"The engine lists {model}, which gave no finite number.")
    return Readiness(True, model, max_tokens, "")


def check_listed(url: str) -> Readiness:
    """Whether a model is listed, which a busy engine answers too: a canary would wait behind everybody's requests."""
    try:
        card = _call(f"{url}/v1/models", None, MODELS_SECONDS)["data"][0]
        return Readiness(True, str(card["id"]), card.get("max_model_len"), "")
    except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError, TypeError) as error:
        return Readiness(False, None, None, f"The engine does not list its models: {_explain(error)}.")


def check_alive(url: str, *, seconds: float) -> Readiness:
    """Whether the server's own health page says 200."""
    try:
        with _OPENER.open(f"{url}/health", timeout=seconds):
            return Readiness(True, None, None, "")
    except OSError as error:
        return Readiness(False, None, None, f"The server does not answer: {_explain(error)}.")


def _call(url: str, body: dict[str, Any] | None, seconds: float) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310
    with _OPENER.open(request, timeout=seconds) as response:
        return json.loads(response.read())


def _explain(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        with error:
            return f"HTTP {error.code}"
    return str(getattr(error, "reason", error)) or type(error).__name__


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask an engine whether it is ready.")
    parser.add_argument("--url", required=True, help="base URL without /v1")
    parser.add_argument("--seconds", type=float, default=CANARY_SECONDS)
    parser.add_argument("--ask", choices=ASK, default="token", help="what has to be answered; one token when left out")
    arguments = parser.parse_args()
    url = arguments.url.rstrip("/")
    if arguments.ask == "health":
        readiness = check_alive(url, seconds=arguments.seconds)
    elif arguments.ask in ("embedding", "reranking"):
        readiness = check_pooling(url, arguments.ask, seconds=arguments.seconds)
    elif arguments.ask == "models":
        readiness = check_listed(url)
    else:
        readiness = check_engine(url, seconds=arguments.seconds)
    sys.stdout.write(json.dumps(asdict(readiness)) + "\n")
    return 0 if readiness.ready else 1


if __name__ == "__main__":
    sys.exit(main())
