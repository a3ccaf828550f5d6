"""A file of questions is taken as a whole or refused with every line that is wrong."""

import json
from typing import Any

import pytest

from inference.comparing.errors import QuestionsError
from inference.comparing.questions import MAX_TOKENS, Question, read_questions

GOOD: dict[str, Any] = {"id": "a", "question": "Say yes.", "scorer": "exact", "expected": "yes"}


def write(*lines: dict[str, Any]) -> str:
    return "\n".join(json.dumps(line) for line in lines)


def test_questions_are_read_with_their_lines_and_defaults() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}]
    number = {"id": "b", "messages": messages, "scorer": "number", "expected": 4, "tolerance": 0.5, "max_tokens": 8}
    text = write(GOOD) + "\n\n" + write(number) + "\n"
    assert read_questions(text) == (
        Question("a", 1, (("user", "Say yes."),), "exact", "yes", MAX_TOKENS),
        Question("b", 3, (("system", "Be brief."), ("user", "2 + 2?")), "number", 4, 8, tolerance=0.5),
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": ""}, "id has to be a text"),
        ({"id": 7}, "id has to be a text"),
        ({"messages": []}, "either question or messages"),
        ({"question": None}, "question has to be a text"),
        ({"scorer": "vibes"}, "scorer has to be one of exact, contains, regex, number, json_schema, choice"),
        ({"expected": ""}, "expected has to be a text that is not empty"),
        ({"expected": ["yes"]}, "expected has to be a text that is not empty"),
        ({"max_token": 5}, "the key 'max_token' is not known"),
        ({"tolerance": 0.1}, "the key 'tolerance' is not known"),
        ({"max_tokens": 0}, "max_tokens has to be a whole number from 1"),
        ({"max_tokens": True}, "max_tokens has to be a whole number from 1"),
        ({"ignore_case": "yes"}, "ignore_case has to be true or false"),
        ({"scorer": "regex", "expected": "("}, "expected is not a regular expression"),
        ({"scorer": "regex", "expected": "a" * 1001}, "a pattern of at most 1000 characters"),
        ({"scorer": "number", "expected": "4"}, "expected has to be a number"),
        ({"scorer": "number", "expected": True}, "expected has to be a number"),
        ({"scorer": "number", "expected": float("nan")}, "expected has to be a number"),
        ({"scorer": "number", "expected": 4, "tolerance": -1}, "tolerance has to be a number that is not negative"),
        ({"scorer": "json_schema", "expected": "{}"}, "expected has to be a JSON schema, as an object"),
        ({"scorer": "choice", "expected": "A"}, "choices have to be a list of at least two texts"),
        ({"scorer": "choice", "expected": "A", "choices": ["A", "a"]}, "choices have to be different"),
        ({"scorer": "choice", "expected": "C", "choices": ["A", "B"]}, "expected has to be one of the choices"),
    ],
)
def test_wrong_question_is_refused_by_line_and_reason(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(QuestionsError, match="line 2: ") as refused:
        read_questions(write({**GOOD, "id": "first"}, {**GOOD, **changes}))
    assert problem in refused.value.problems[0]
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize(
    "messages",
    ["hello", [], [{"role": "user"}], [{"role": "tool", "content": "x"}], [{"role": "assistant", "content": "x"}],
     [{"role": "user", "content": "x", "name": "y"}], [{"role": "user", "content": 7}]],
)  # fmt: skip
def test_messages_have_roles_and_end_with_the_users(messages: Any) -> None:
    line = {"id": "a", "messages": messages, "scorer": "exact", "expected": "yes"}
    with pytest.raises(QuestionsError, match="messages have to be a list of role"):
        read_questions(write(line))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file holds no question"),
        ("nonsense", "line 1: this is not JSON"),
        ("[1]", "line 1: this is not a JSON object"),
        ('{"id": "a", "id": "b"}', "line 1: the key 'id' is there twice"),
        (write(GOOD, GOOD), "line 2: the id 'a' is on line 1 already"),
    ],
)
def test_file_that_is_no_list_of_questions_is_refused(text: str, problem: str) -> None:
    with pytest.raises(QuestionsError) as refused:
        read_questions(text)
    assert problem in str(refused.value)


def test_all_wrong_lines_are_named_at_once() -> None:
    with pytest.raises(QuestionsError) as refused:
        read_questions(write(*({**GOOD, "id": str(number), "max_tokens": 0} for number in range(30))))
    assert len(refused.value.problems) == 30
    assert "line 20: " in str(refused.value)
    assert "and 10 more" in str(refused.value)
