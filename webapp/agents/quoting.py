"""The answer when no language model is installed: the passages that match, quoted word for word."""

import re
from collections.abc import Sequence

from webapp.agents.citing import overlap
from webapp.agents.conversation import Numbered
from webapp.agents.sentences import content_words, is_heading, leading_sentences

NO_MODEL = "no model"
NOTHING_FOUND = "Nothing in the documents you can read matches this question."
QUOTED_PASSAGES = 3
MAX_QUOTE_CHARACTERS = 600
PARAGRAPH = re.compile(r"\S.*?(?=\n\s*\n|\s*\Z)", re.DOTALL)


def quoted_answer(*, notice: str, question: str, passages: Sequence[Numbered]) -> str:
    """The notice, then what each of the best passages says to the question as a block quotation with its number."""
    if not passages:
        return f"{notice.strip()}\n\n{NOTHING_FOUND}"
    blocks = [
        f"{_quotation(numbered.passage.text, question)} [{numbered.n}]" for numbered in passages[:QUOTED_PASSAGES]
    ]
    return "\n\n".join([notice.strip(), *blocks])


def quoted_span(text: str, *, question: str) -> tuple[int, int]:
    """The part of a passage that is quoted: from the paragraph that shares most words with the question, as many
    paragraphs as fit and belong under the same heading."""
    wanted = content_words(question)
    paragraphs = [match.span() for match in PARAGRAPH.finditer(text)]
    prose = [span for span in paragraphs if not is_heading(text[slice(*span)])]
    if not prose:
        return leading_sentences(text, max_characters=MAX_QUOTE_CHARACTERS)
    start, end = max(prose, key=lambda span: overlap(text[slice(*span)], wanted))
    if end - start > MAX_QUOTE_CHARACTERS:
        first, last = leading_sentences(text[start:end], max_characters=MAX_QUOTE_CHARACTERS)
        return (start + first, start + last)
    for following in paragraphs[paragraphs.index((start, end)) + 1 :]:
        if following not in prose or following[1] - start > MAX_QUOTE_CHARACTERS:
            break
        end = following[1]
    return (start, end)


def _quotation(text: str, question: str) -> str:
    start, end = quoted_span(text, question=question)
    return "\n".join(f"> {line}".rstrip() for line in text[start:end].splitlines())
