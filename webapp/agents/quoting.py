"""The answer when no language model is installed: the passages that match, quoted word for word."""

from collections.abc import Sequence

from webapp.agents.conversation import Numbered
from webapp.agents.sentences import leading_sentences

NO_MODEL = "no model"
NOTHING_FOUND = "Nothing in the documents you can read matches this question."
QUOTED_PASSAGES = 3
MAX_QUOTE_CHARACTERS = 600


def quoted_answer(*, notice: str, passages: Sequence[Numbered]) -> str:
    """The notice, then each of the best passages as a block quotation with its number."""
    if not passages:
        return f"{notice.strip()}\n\n{NOTHING_FOUND}"
    blocks = [f"{_quotation(numbered.passage.text)} [{numbered.n}]" for numbered in passages[:QUOTED_PASSAGES]]
    return "\n\n".join([notice.strip(), *blocks])


def quoted_span(text: str) -> tuple[int, int]:
    """The part of a passage that is quoted."""
    return leading_sentences(text, max_characters=MAX_QUOTE_CHARACTERS)


def _quotation(text: str) -> str:
    start, end = quoted_span(text)
    return "\n".join(f"> {line}".rstrip() for line in text[start:end].splitlines())
