"""Scorers that need the standard library alone; the others are tried in the inference environment."""

from typing import Any

import pytest

from inference.comparing.questions import Question, Scorer
from inference.comparing.scorers import find_numbers, passes


def ask(scorer: Scorer, expected: Any, **options: Any) -> Question:
    return Question("a", 1, (("user", "?"),), scorer, expected, **options)


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        (ask("exact", "Paris"), ["Paris", " Paris\n"], ["paris", "Paris.", ""]),
        (ask("exact", "Paris", ignore_case=True), ["PARIS"], ["Paris!"]),
        (ask("contains", "Paris"), ["It is Paris."], ["It is paris."]),
        (ask("contains", "paris", ignore_case=True), ["It is PARIS."], ["London"]),
        (ask("number", 4), ["4", "2 + 2 = 4.", "It is 4.0"], ["four", "4 or 5", "v1.4", "2024-04-04", ""]),
        (ask("number", 1234.5), ["1,234.5", "1234.5 in all"], ["1,234", "1.2345e3x"]),
        (ask("number", 0.2, tolerance=0.1), ["0.3", "0.1"], ["0.31", "-0.2"]),
        (ask("number", -3), ["-3"], ["3"]),
        (ask("choice", "B", choices=("A", "B")), ["B", "The answer is (b)."], ["A", "A or B", "Bad", "C", ""]),
        (ask("choice", "not yes", choices=("yes", "not yes")), ["not yes"], ["yes", "no"]),
    ],
)
def test_rule_tells_right_from_wrong(question: Question, right: list[str], wrong: list[str]) -> None:
    assert [answer for answer in right if not passes(question, answer)] == []
    assert [answer for answer in wrong if passes(question, answer)] == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,234 and -5.5e3", [1234.0, -5500.0]), ("2e", []), ("a1", []), ("1.2.3", []), ("12,34", []), ("+7.", [7.0]),
    ],
)  # fmt: skip
def test_numbers_are_those_that_people_write(text: str, numbers: list[float]) -> None:
    assert find_numbers(text) == numbers
