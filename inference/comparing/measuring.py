"""Everything that is measured of one model while its engine runs. The order is the same for both models."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from inference.comparing.engine import Answer, Engine, Timing
from inference.comparing.errors import EngineRefusedError, TextError
from inference.comparing.perplexity import Perplexity, build_windows, compute_perplexity
from inference.comparing.questions import Question
from inference.comparing.request import Request
from inference.comparing.scorers import passes
from inference.dialogue import See


@dataclass(frozen=True)
class Speed:
    """Medians, and the smallest and largest, of requests that were made one at a time. ``load_average`` is the
    machine's over the minute before they began, with this engine's own work on the questions in it."""

    requests: int
    prompt_tokens: int
    answer_tokens: int
    first_token_seconds: tuple[float, float, float]
    tokens_per_second: tuple[float, float, float]
    load_average: float


@dataclass(frozen=True)
class Measured:
    """``passed`` and ``answers`` are in the order of the questions; ``tokens`` are the whole text's."""

    start_seconds: float
    tokens: tuple[int, ...]
    perplexity: Perplexity
    window_tokens: int
    answers: tuple[Answer, ...]
    passed: tuple[bool, ...]
    speed: Speed


def measure(
    engine: Engine, *, text: str, questions: Sequence[Question], request: Request, window: int, started_at: float,
    see: See,
) -> Measured:  # fmt: skip
    """Questions first: what the engine refuses of them is known before the long work. ``started_at`` is
    time.monotonic() when the engine was started."""
    start_seconds = time.monotonic() - started_at
    answers = _ask_all(engine, questions, see)
    tokens = engine.tokenize(text)
    perplexity = measure_perplexity(engine, tokens, window=window, see=see)
    speed = measure_speed(engine, tokens, request, see)
    passed = tuple(passes(question, answer.text) for question, answer in zip(questions, answers, strict=True))
    return Measured(start_seconds, tuple(tokens), perplexity, window, answers, passed, speed)


def measure_perplexity(engine: Engine, tokens: Sequence[int], *, window: int, see: See) -> Perplexity:
    """Windows of ``window`` tokens that move on by half of it."""
    return compute_perplexity(score_text(engine, tokens, window=window, see=see))


def score_text(engine: Engine, tokens: Sequence[int], *, window: int, see: See) -> list[float]:
    """The logarithms that the perplexity is made of, in the order of the text."""
    windows = build_windows(len(tokens), window=window, stride=window // 2)
    found: list[float] = []
    for done, each in enumerate(windows):
        see("Reading the text", done, len(windows))
        found += engine.score(tokens, each)
    see("Reading the text", len(windows), len(windows))
    return found


def measure_speed(engine: Engine, tokens: Sequence[int], request: Request, see: See) -> Speed:
    """One request more than is counted goes before: the first one often pays for the others."""
    load = os.getloadavg()[0]
    timings: list[Timing] = []
    prompt = min(request.timed_prompt_tokens, request.context_tokens - request.timed_answer_tokens - 1)
    for number in range(request.timed_requests + 1):
        see("Taking the time", number, request.timed_requests + 1)
        part = list(islice(cycle(tokens), number, number + prompt))
        timings.append(engine.time(part, max_tokens=request.timed_answer_tokens, salt=f"compare-{number}"))
    see("Taking the time", request.timed_requests + 1, request.timed_requests + 1)
    counted = timings[1:]
    return Speed(
        len(counted), prompt, request.timed_answer_tokens, _spread([each.first_seconds for each in counted]),
        _spread([each.tokens_per_second for each in counted]), load,
    )  # fmt: skip


def choose_window(request: Request, contexts: Sequence[int | None]) -> int:
    """The same for both models: none longer than what either takes, less the one token that has to be written."""
    window = min(request.window_tokens, request.context_tokens - 1, *(each - 1 for each in contexts if each))
    if window < 2:
        raise TextError(f"A window of {window} tokens is too short to measure perplexity in.")
    return window


def _ask_all(engine: Engine, questions: Sequence[Question], see: See) -> tuple[Answer, ...]:
    answers = []
    for done, question in enumerate(questions):
        see("Asking the questions", done, len(questions))
        try:
            answers.append(engine.ask(question))
        except EngineRefusedError as error:
            raise EngineRefusedError(f"Question {question.id!r} (line {question.line}): {error}") from None
    see("Asking the questions", len(questions), len(questions))
    return tuple(answers)


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, smallest, largest."""
    return statistics.median(values), min(values), max(values)
