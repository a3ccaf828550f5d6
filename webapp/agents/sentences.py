"""Finding sentences in a text, as spans: pure functions, good enough to quote whole sentences from."""

import re

CLOSING, OPENING = "[\"')\\]\u201d\u2019]*", "[\"'(\\[\u201c\u2018]*"
LIST_ITEM = r"\n(?=\s*(?:[-*\u2022]|\d+[.)])\s)"
SENTENCE_END = re.compile(rf"(?<=[.!?\u2026])(?P<closing>{CLOSING})\s+(?={OPENING}[^\W_a-z])|\n{{2,}}|{LIST_ITEM}")
ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|cf|etc|vs|approx|no|nos|fig|mr|mrs|ms|dr|st|[A-Za-z])\.$", re.IGNORECASE
)
SENTENCE_LIKE = re.compile(r"[.!?:;\u2026][\"')\]\u201d\u2019]*$|^(?:[-*\u2022]|\d+[.)])\s")
HEADING_WORDS = 9
WORD = re.compile(r"\w+")
STOP_WORDS = frozenset(
    WORD.findall(
        "a an and are as at be but by can do does for from has have he her his how if in is it its may must no not of "
        "on or our she should so than that the their them then there these they this to was we were what when where "
        "which who why will with would you your"
    )
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """The sentences as ``(start, end)``, without white space around them, in order."""
    spans = []
    start = 0
    for match in SENTENCE_END.finditer(text):
        if "\n" not in match.group() and ABBREVIATION.search(text, start, match.start()):
            continue
        spans.append((start, match.end("closing") if match["closing"] else match.start()))
        start = match.end()
    spans.append((start, len(text)))
    trimmed = (_trim(text, first, last) for first, last in spans)
    return [(first, last) for first, last in trimmed if first < last]


def quotable_spans(text: str) -> list[tuple[int, int]]:
    """The sentences that say something: without headings, unless there is nothing else."""
    spans = sentence_spans(text)
    return [span for span in spans if not is_heading(text[span[0] : span[1]])] or spans


def is_heading(sentence: str) -> bool:
    """A few words without a full stop."""
    return len(sentence.split()) < HEADING_WORDS and not SENTENCE_LIKE.search(sentence)


def leading_sentences(text: str, *, max_characters: int) -> tuple[int, int]:
    """The span of the first whole sentences that fit, from the first that is no heading; one that is too long is cut at
    a word."""
    spans = quotable_spans(text)
    if not spans:
        return (0, 0)
    start = spans[0][0]
    end = start
    for _, last in spans:
        if last - start > max_characters:
            break
        end = last
    if end == start:
        cut = text.rfind(" ", start, start + max_characters)
        end = cut if cut > start else min(start + max_characters, len(text))
    return (start, end)


def content_words(text: str) -> frozenset[str]:
    """The words that carry meaning, in lower case."""
    return frozenset(word for word in WORD.findall(text.lower()) if word not in STOP_WORDS)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return (start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip())))
