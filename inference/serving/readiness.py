"""Whether an engine really answers: ``python -m inference.serving.readiness --url http://127.0.0.1:8410``.

Ready means that ``/v1/models`` names a model and that this model writes one token. A scheduler can be stuck while
``/health`` still says 200, so ``/health`` is not asked.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from typing import Any

CANARY_SECONDS = 60.0
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
    try:
        card = _call(f"{url}/v1/models", None, MODELS_SECONDS)["data"][0]
        model, max_tokens = str(card["id"]), card.get("max_model_len")
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        return Readiness(False, None, None, f"The engine does not list its models: {_explain(error)}.")
    canary = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1, "temperature": 0}
    try:
        written = _call(f"{url}/v1/chat/completions", canary, seconds)["usage"]["completion_tokens"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Readiness(False, model, max_tokens, f"The engine lists {model} but writes nothing: {_explain(error)}.")
    if written < 1:
        return Readiness(False, model, max_tokens, f"The engine lists {model} but wrote no token.")
    return Readiness(True, model, max_tokens, "")


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
    parser = argparse.ArgumentParser(description="Ask an engine for its model and for one token.")
    parser.add_argument("--url", required=True, help="base URL without /v1")
    parser.add_argument("--seconds", type=float, default=CANARY_SECONDS)
    arguments = parser.parse_args()
    readiness = check_engine(arguments.url.rstrip("/"), seconds=arguments.seconds)
    sys.stdout.write(json.dumps(asdict(readiness)) + "\n")
    return 0 if readiness.ready else 1


if __name__ == "__main__":
    sys.exit(main())
