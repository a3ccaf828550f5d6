"""Sentences as spans."""

import pytest

from webapp.agents.sentences import content_words, leading_sentences, quotable_spans, sentence_spans


def pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n ", []),
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("Mr. Smith, e.g. in Bath, paid 3.5 pounds. Good.", ["Mr. Smith, e.g. in Bath, paid 3.5 pounds.", "Good."]),
        ("Heading\n\nA sentence\nover two lines. Next.", ["Heading", "A sentence\nover two lines.", "Next."]),
        ("List:\n- one\n- two\n1. three", ["List:", "- one", "- two", "1. three"]),
        ("the file.name is kept. and so on", ["the file.name is kept. and so on"]),
        ("Ärger. Über alles.", ["Ärger.", "Über alles."]),
    ],
)
def test_sentences_are_found(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_quotable_spans_leave_headings_out() -> None:
    text = "Waterworks\n\nPumps\n\nPump seven is greased."

    assert [text[start:end] for start, end in quotable_spans(text)] == ["Pump seven is greased."]
    assert quotable_spans("Only a heading") == [(0, 14)]


def test_leading_sentences_are_whole_and_fit() -> None:
    text = "One is short. Two is short too. Three does not fit any more."

    start, end = leading_sentences(text, max_characters=35)

    assert text[start:end] == "One is short. Two is short too."


def test_leading_sentence_that_is_too_long_is_cut_at_a_word() -> None:
    text = "word " * 100

    start, end = leading_sentences(text, max_characters=22)

    assert text[start:end] == "word word word word"


def test_leading_sentences_of_nothing_are_nothing() -> None:
    assert leading_sentences(" \n", max_characters=10) == (0, 0)


def test_content_words_are_lower_case_without_stop_words() -> None:
    assert content_words("The Pump and the valve, PUMP 7") == {"pump", "valve", "7"}
