"""Building what is sent to the model: pure functions over the question, earlier turns and passages.

Sizes are estimated: ``CHARACTERS_PER_TOKEN`` is low on purpose, because a prompt that is too long is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.agents.citing import strip_markers
from webapp.knowledge.types import Passage
from webapp.llm.types import Message
from webapp.prompts import api as prompts

CHARACTERS_PER_TOKEN = 3
DEFAULT_CONTEXT_TOKENS = 4096
MARGIN_TOKENS = 64
MAX_TURNS = 3
MAX_TURN_CHARACTERS = 1500
FOLLOW_UP_WORDS = 4
MIN_PASSAGE_CHARACTERS = 200
MARKER_CHARACTERS = 12


@dataclass(frozen=True)
class Turn:
    """An earlier question with its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Numbered:
    """A passage with its number in this run."""

    n: int
    passage: Passage


def retrieval_query(question: str, turns: Sequence[Turn]) -> str:
    """The question; a follow-up of a few words is searched together with the question before it."""
    if turns and len(question.split()) <= FOLLOW_UP_WORDS:
        return f"{turns[-1].question} {question}"
    return question


def answer_tokens(*, wanted: int, context_tokens: int | None) -> int:
    """How long the answer may be: what the prompt's parameters say, at most a quarter of the context."""
    return max(16, min(wanted, (context_tokens or DEFAULT_CONTEXT_TOKENS) // 4))


def build_messages(
    *,
    template: str,
    question: str,
    turns: Sequence[Turn],
    passages: Sequence[Numbered],
    context_tokens: int | None,
    max_tokens: int,
    shrink: float = 1.0,
) -> list[Message]:
    """System prompt with the passages, earlier turns, the question.

    What does not fit is left out, the least relevant passages first. ``shrink``: how much of what fits by our estimate
    to send, for a model that refused the whole.
    """
    tokens = (context_tokens or DEFAULT_CONTEXT_TOKENS) - max_tokens - MARGIN_TOKENS
    budget = tokens * CHARACTERS_PER_TOKEN - len(template) - len(question)
    history = _history(turns, int(budget * shrink) // 4)
    budget -= sum(len(message.content) for message in history)
    wanted = sum(_size(numbered) for numbered in passages)
    quoted = prompts.quote_passages(_fitting(passages, int(min(budget, wanted) * shrink)))
    system = prompts.render(template, {"passages": quoted})
    return [Message("system", system), *history, Message("user", question)]


def where(passage: Passage) -> str:
    """Title, heading and page, for the model and for people."""
    heading = " > ".join(passage.heading_path)
    page = f"page {passage.page_start}" if passage.page_start else ""
    return ", ".join(part for part in (passage.title, heading, page) if part)


def _history(turns: Sequence[Turn], budget: int) -> list[Message]:
    messages: list[Message] = []
    for turn in reversed(turns[-MAX_TURNS:]):
        question, answer = turn.question[:MAX_TURN_CHARACTERS], strip_markers(turn.answer)[:MAX_TURN_CHARACTERS]
        budget -= len(question) + len(answer)
        if budget < 0:
            break
        messages = [Message("user", question), Message("assistant", answer), *messages]
    return messages


def _size(numbered: Numbered) -> int:
    return len(numbered.passage.text) + len(where(numbered.passage)) + MARKER_CHARACTERS


def _fitting(passages: Sequence[Numbered], budget: int) -> list[tuple[int, str, str]]:
    """The passages that fit, best first; the first that does not is cut when enough of it remains."""
    fitting = []
    for numbered in passages:
        label = where(numbered.passage)
        room = budget - len(label) - MARKER_CHARACTERS
        if room < min(MIN_PASSAGE_CHARACTERS, len(numbered.passage.text)):
            break
        text = numbered.passage.text[:room]
        fitting.append((numbered.n, label, text))
        budget = room - len(text)
    return fitting
