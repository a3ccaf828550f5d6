"""What a comparison asks the engine: tokens of a text, how likely they are, answers, and how fast. Starts nothing."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from inference.comparing.errors import EngineGoneError, EngineRefusedError
from inference.comparing.perplexity import Window
from inference.comparing.questions import Question

SECONDS = 3600.0  # a long answer on a CPU; an engine that died closes its connections at once
SEED = 0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback never goes through a proxy


@dataclass(frozen=True)
class Answer:
    """``is_whole``: the model ended it, and not ``max_tokens``."""

    text: str
    is_whole: bool


@dataclass(frozen=True)
class Timing:
    """``first_seconds`` until the first piece of text arrived, ``seconds`` until the last."""

    first_seconds: float
    seconds: float
    tokens: int

    @property
    def tokens_per_second(self) -> float:
        """Of the whole request, reading the prompt included: pieces that arrive together change nothing in it."""
        return self.tokens / self.seconds


@dataclass(frozen=True)
class Engine:
    """``url`` without ``/v1``; ``model`` is the name to ask for."""

    url: str
    model: str

    def tokenize(self, text: str) -> list[int]:
        """With the special token that the model's tokenizer puts first, where it does."""
        body = {"model": self.model, "prompt": text, "add_special_tokens": True}
        return [int(token) for token in self._ask("/tokenize", body)["tokens"]]

    def score(self, tokens: Sequence[int], window: Window) -> list[float]:
        """The logarithm of the probability of each scored token of the window, natural.

        ``prompt_logprobs: 0`` is vLLM's way to ask for the prompt's own tokens and no others. A completion has to have
        one token at least, so the longest window is one less than the engine's context.
        """
        part = list(tokens[window.start : window.stop])
        body = {
            "model": self.model, "prompt": part, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0,
            "add_special_tokens": False,
        }  # fmt: skip
        found = self._ask("/v1/completions", body)["choices"][0]["prompt_logprobs"]
        if len(found) != len(part):
            raise EngineRefusedError(f"The engine scored {len(found)} tokens of a window of {len(part)}.")
        return [
            float(found[at][str(part[at])]["logprob"]) for at in range(window.scored_from - window.start, len(part))
        ]

    def ask(self, question: Question) -> Answer:
        """Greedy, with a fixed seed, alone: what else the engine does at the time changes no answer."""
        choice = self._ask("/v1/chat/completions", build_chat(self.model, question))["choices"][0]
        text = choice["message"].get("content") or ""
        return Answer(text, choice["finish_reason"] == "stop")

    def time(self, tokens: Sequence[int], *, max_tokens: int, salt: str) -> Timing:
        """One streamed completion. ``salt`` keeps it apart from what the engine has in its prefix cache."""
        body = {
            "model": self.model, "prompt": list(tokens), "max_tokens": max_tokens, "temperature": 0, "ignore_eos": True,
            "stream": True, "stream_options": {"include_usage": True}, "cache_salt": salt, "add_special_tokens": False,
        }  # fmt: skip
        started = time.perf_counter()
        arrivals, written = [], 0
        for event in self._stream("/v1/completions", body):
            if event["choices"]:
                arrivals.append(time.perf_counter())
            written = (event.get("usage") or {}).get("completion_tokens", written)
        if not arrivals or written != max_tokens:
            raise EngineRefusedError(f"The engine wrote {written} tokens when {max_tokens} were asked for.")
        return Timing(arrivals[0] - started, arrivals[-1] - started, written)

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        with self._open(path, body) as response:
            try:
                return json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise EngineGoneError(f"The engine broke off an answer ({error}).") from None

    def _stream(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with self._open(path, body) as response:
            try:
                for line in response:
                    if line.startswith(b"data: {"):
                        event = json.loads(line.removeprefix(b"data: "))
                        if "error" in event:
                            raise EngineRefusedError(f"The engine says: {event['error']}")
                        yield event
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise EngineGoneError(f"The engine broke off an answer ({error}).") from None

    def _open(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.url}{path}", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        try:
            return _OPENER.open(request, timeout=SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                raise EngineRefusedError(f"The engine answers {error.code}: {_explain(error.read())}") from None
        except (OSError, http.client.HTTPException) as error:
            raise EngineGoneError(f"The engine does not answer any more ({error}).") from None


def build_chat(model: str, question: Question) -> dict[str, Any]:
    """The whole body of a question's request. Pure."""
    body: dict[str, Any] = {
        "model": model, "messages": [{"role": role, "content": content} for role, content in question.messages],
        "temperature": 0, "seed": SEED, "max_tokens": question.max_tokens,
    }  # fmt: skip
    if question.structured and question.scorer == "json_schema":
        schema = {"name": "answer", "schema": question.expected, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif question.structured:
        body["structured_outputs"] = {"choice": list(question.choices)}
    return body


def _explain(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return raw[:300].decode(errors="replace") or "nothing more"
