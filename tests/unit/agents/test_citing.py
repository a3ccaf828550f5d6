"""From markers to quotes."""

import pytest

from webapp.agents.citing import MAX_QUOTE_CHARACTERS, check_markers, citing_words, quote_span, strip_markers

PASSAGE = (
    "Pumps\n\nPump seven stands in the eastern hall. It must be greased every second Tuesday with lithium grease. "
    "The ledger is green."
)


@pytest.mark.parametrize(
    ("text", "expected", "cited", "invalid"),
    [
        ("A [1]. B [2].", "A [1]. B [2].", (1, 2), ()),
        ("A [2, 1].", "A [2][1].", (1, 2), ()),
        ("A [1][2].", "A [1][2].", (1, 2), ()),
        ("A [1; 2 ,1].", "A [1][2].", (1, 2), ()),
        ("A [99]. B [1, 7].", "A. B [1].", (1,), (7, 99)),
        ("A [1](http://x) and [note] and [2024]", "A [1](http://x) and [note] and [2024]", (), ()),
        ("No markers.", "No markers.", (), ()),
        ("[0] first", "first", (), (0,)),
    ],
)
def test_markers_are_checked(text: str, expected: str, cited: tuple[int, ...], invalid: tuple[int, ...]) -> None:
    checked = check_markers(text, known=[1, 2])

    assert (checked.text, checked.cited, checked.invalid) == (expected, cited, invalid)


def test_strip_markers_takes_all_of_them_out() -> None:
    assert strip_markers("A [1]. B [2, 3][4].") == "A. B."


def test_words_are_those_of_the_sentences_that_cite() -> None:
    words = citing_words("Pumps need grease [1]. Valves do not.[2] Ledgers are green [1][2].")

    assert words[1] == {"pumps", "need", "grease", "ledgers", "green"}
    assert words[2] == {"valves", "ledgers", "green"}


def test_quote_is_the_sentence_that_shares_most_words() -> None:
    start, end = quote_span(PASSAGE, wanted=frozenset({"tuesday", "greased", "lithium"}))

    assert PASSAGE[start:end] == "It must be greased every second Tuesday with lithium grease."


def test_quote_takes_a_neighbor_that_shares_much_too() -> None:
    start, end = quote_span(PASSAGE, wanted=frozenset({"pump", "seven", "eastern", "greased", "tuesday", "lithium"}))

    assert PASSAGE[start:end].startswith("Pump seven stands")
    assert PASSAGE[start:end].endswith("lithium grease.")


def test_quote_with_nothing_in_common_is_the_beginning_without_the_heading() -> None:
    start, end = quote_span(PASSAGE, wanted=frozenset())

    assert PASSAGE[start:end].startswith("Pump seven stands")


def test_quote_is_bounded() -> None:
    passage = "alpha " + "beta " * 500

    start, end = quote_span(passage, wanted=frozenset({"alpha"}))

    assert passage[start:end].startswith("alpha beta")
    assert end - start <= MAX_QUOTE_CHARACTERS


def test_quote_of_an_empty_passage_is_empty() -> None:
    assert quote_span("", wanted=frozenset({"x"})) == (0, 0)
