"""Answers without a model: word for word from the passages, and from the part that fits the question."""

import pytest

from tests.unit.agents.test_conversation import passage
from webapp.agents.quoting import MAX_QUOTE_CHARACTERS, NOTHING_FOUND, quoted_answer, quoted_span


def test_quoted_answer_quotes_three_passages_word_for_word() -> None:
    passages = [passage(n, f"Heading\n\nSentence {n} is here.\nAnd goes on.") for n in range(1, 6)]

    assert quoted_answer(notice="Notice.", question="What?", passages=passages) == (
        "Notice.\n\n"
        "> Sentence 1 is here.\n> And goes on. [1]\n\n"
        "> Sentence 2 is here.\n> And goes on. [2]\n\n"
        "> Sentence 3 is here.\n> And goes on. [3]"
    )


def test_quoted_answer_of_nothing_is_honest() -> None:
    assert quoted_answer(notice="Notice.", question="What?", passages=[]) == f"Notice.\n\n{NOTHING_FOUND}"


@pytest.mark.parametrize(
    ("question", "quoted"),
    [
        ("When is the pump greased?", "The pump is greased on Mondays."),
        ("Where do the valves come from?", "Valves come from Leeds.\n\nThey are tested there."),
        ("Something else entirely?", "The works opened in 1911."),
    ],
)
def test_quoted_span_is_the_paragraph_that_fits_and_what_follows_it(question: str, quoted: str) -> None:
    text = (
        "The works opened in 1911.\n\nPumps\n\nThe pump is greased on Mondays.\n\nValves\n\n"
        "Valves come from Leeds.\n\nThey are tested there."
    )

    start, end = quoted_span(text, question=question)

    assert text[start:end] == quoted


def test_quoted_span_of_a_long_paragraph_is_whole_sentences_that_fit() -> None:
    text = "The pump hums along. " * 60

    start, end = quoted_span(text, question="pump")

    assert end - start <= MAX_QUOTE_CHARACTERS
    assert text[start:end].endswith("along.")
