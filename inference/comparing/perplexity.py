"""Perplexity of a text that is longer than a model's context, by windows that overlap. Pure.

PPL = exp(-1/N x the sum over scored tokens of ln p(token | the tokens before it in its window)). A window of W tokens
moves on by S tokens, and of each but the first only the tokens are scored that no window before it scored; so every
token after the first W has at least W - S tokens before it. It is the strided evaluation that the documentation of
Transformers describes ("Perplexity of fixed-length models"). The text is tokenised once and whole, with the special
token that the tokenizer puts first; the first token of all has nothing before it, and is not scored. N is
``scored_tokens``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inference.comparing.errors import TextError

IMPOSSIBLE = -9999.0  # what vLLM writes for a token of probability zero, because JSON has no infinity
MAX_EXPONENT = 700.0


@dataclass(frozen=True)
class Window:
    """Tokens ``start`` to ``stop`` of the text; scored are those from ``scored_from`` on, counted in the text."""

    start: int
    stop: int
    scored_from: int


@dataclass(frozen=True)
class Perplexity:
    """``value`` is None where the model holds tokens of the text to be impossible: ``impossible_tokens`` of them."""

    value: float | None
    nats_per_token: float | None
    scored_tokens: int
    impossible_tokens: int


def build_windows(tokens: int, *, window: int, stride: int) -> tuple[Window, ...]:
    """Raises TextError for a text of less than two tokens. ``stride`` is at most ``window`` - 1."""
    if not 0 < stride < window:
        raise ValueError(f"a window of {window} tokens cannot move on by {stride}")
    if tokens < 2:
        raise TextError(f"The text has {tokens} tokens, and the first one is never scored. Name a longer text.")
    found: list[Window] = []
    scored = 1
    for start in range(0, tokens, stride):
        stop = min(start + window, tokens)
        if stop > scored:
            found.append(Window(start, stop, scored))
            scored = stop
        if stop == tokens:
            break
    return tuple(found)


def compute_perplexity(logprobs: Sequence[float]) -> Perplexity:
    """``logprobs``: natural logarithms, one for each scored token."""
    impossible = sum(1 for each in logprobs if each <= IMPOSSIBLE)
    mean = -math.fsum(logprobs) / len(logprobs)
    if impossible or mean > MAX_EXPONENT:
        return Perplexity(None, None, len(logprobs), impossible)
    return Perplexity(math.exp(mean), mean, len(logprobs), 0)


def find_difference(first: Sequence[int], second: Sequence[int]) -> str:
    """How two tokenisations of one text differ, in words; empty where they do not. Perplexities of different
    tokens are not comparable: each counts per token of its own."""
    if list(first) == list(second):
        return ""
    place = next((at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    where = "one goes on where the other ends" if place is None else f"they part at token {place + 1}"
    return f"The tokenizers differ: {len(first)} tokens of the parent's, {len(second)} of the child's; {where}."
