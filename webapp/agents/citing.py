"""From markers in an answer to citations: pure functions.

A marker is ``[2]``, ``[1, 3]`` or ``[1][3]``. Numbers of passages that were not given are taken out of the text and
reported; for the others the sentence of the passage that says most of what the citing sentence says is the quote.
"""

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from webapp.agents.sentences import content_words, leading_sentences, quotable_spans, sentence_spans

MARKER = re.compile(r"(?P<space>[ \t]*)\[(?P<numbers>\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\](?!\()")
MAX_QUOTE_CHARACTERS = 400


@dataclass(frozen=True)
class CheckedAnswer:
    """The text with valid markers only, as ``[1][3]``; the numbers cited; those that did not exist."""

    text: str
    cited: tuple[int, ...]
    invalid: tuple[int, ...]


def check_markers(text: str, *, known: Collection[int]) -> CheckedAnswer:
    """Keep the markers whose numbers are known, in one spelling."""
    cited: dict[int, None] = {}
    invalid: dict[int, None] = {}

    def rewrite(match: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", match["numbers"])]
        kept = [number for number in dict.fromkeys(numbers) if number in known]
        cited.update(dict.fromkeys(kept))
        invalid.update(dict.fromkeys(number for number in numbers if number not in known))
        return match["space"] + "".join(f"[{number}]" for number in kept) if kept else ""

    return CheckedAnswer(MARKER.sub(rewrite, text).strip(), tuple(sorted(cited)), tuple(sorted(invalid)))


def strip_markers(text: str) -> str:
    """The text without any marker."""
    return MARKER.sub("", text)


def citing_words(text: str) -> dict[int, frozenset[str]]:
    """For each number the words of the sentences that cite it; a marker after a full stop cites what precedes it."""
    words: defaultdict[int, frozenset[str]] = defaultdict(frozenset)
    marked = re.sub(r"([.!?…])((?:\s*\[\d{1,3}\])+)", r"\2\1", text)
    for start, end in sentence_spans(marked):
        sentence = marked[start:end]
        for number in {int(number) for number in re.findall(r"\[(\d{1,3})\]", sentence)}:
            words[number] |= content_words(strip_markers(sentence))
    return dict(words)


def quote_span(passage: str, *, wanted: frozenset[str]) -> tuple[int, int]:
    """The span of ``passage`` that shares most words with ``wanted``: a sentence, with a neighbor that shares many too.

    The score keeps both a one-word heading and a whole list from winning by length alone. Nothing shared: the passage's
    first sentences.
    """
    spans = quotable_spans(passage)
    scores = [overlap(passage[start:end], wanted) for start, end in spans]
    if not scores or max(scores) == 0:
        return leading_sentences(passage, max_characters=MAX_QUOTE_CHARACTERS)
    best = scores.index(max(scores))
    start, end = spans[best]
    for neighbor in (best + 1, best - 1):
        if 0 <= neighbor < len(spans) and scores[neighbor] >= scores[best] / 2:
            joined = (min(start, spans[neighbor][0]), max(end, spans[neighbor][1]))
            if joined[1] - joined[0] <= MAX_QUOTE_CHARACTERS:
                start, end = joined
    if end - start > MAX_QUOTE_CHARACTERS:
        first, last = leading_sentences(passage[start:end], max_characters=MAX_QUOTE_CHARACTERS)
        return (start + first, start + last)
    return (start, end)


def overlap(sentence: str, wanted: frozenset[str]) -> float:
    """How much of what is wanted a text says: shared words over the square root of its length in words."""
    words = content_words(sentence)
    return len(words & wanted) / float(len(words)) ** 0.5 if words else 0.0
