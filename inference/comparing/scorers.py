"""Whether an answer passes, by a rule. The same answer and the same question always give the same verdict.

``exact``: the answer is ``expected``, white space around both aside. ``contains``: ``expected`` is in it. ``regex``:
the pattern is found in it; a search that takes longer than :data:`PATTERN_SECONDS` does not pass. ``number``: the last
number in the answer is no farther than ``tolerance`` from ``expected``. ``json_schema``: the whole is valid JSON.
``choice``: of the choices, the answer names ``expected`` and no other, each as words of its own.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from inference.comparing.errors import QuestionsError
from inference.comparing.questions import Question, Scorer

PATTERN_SECONDS = 1.0
MAX_ANSWER_CHARACTERS = 200_000
NUMBER = re.compile(r"(?<![\w.,-])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?(?!\w|[.,-]\d)")


def passes(question: Question, answer: str) -> bool:
    return SCORERS[question.scorer](question, answer[:MAX_ANSWER_CHARACTERS])


def require_schemas(questions: Iterable[Question]) -> None:
    """Raises QuestionsError for an ``expected`` that is no JSON schema, or that refers to one elsewhere."""
    problems = [
        f"line {question.line}: expected is not a JSON schema ({wrong})"
        for question in questions
        if question.scorer == "json_schema" and (wrong := _find_schema_problem(question.expected))
    ]
    if problems:
        raise QuestionsError(problems)


def find_numbers(text: str) -> list[float]:
    """Every number as people write it: 1,234.5, -3, 2e6. A part of a word, a date, a range or a version is none."""
    return [float(found.group().replace(",", "")) for found in NUMBER.finditer(text)]


def _is_exact(question: Question, answer: str) -> bool:
    return _fold(question, answer.strip()) == _fold(question, question.expected.strip())


def _contains(question: Question, answer: str) -> bool:
    return _fold(question, question.expected) in _fold(question, answer)


def _matches(question: Question, answer: str) -> bool:
    """With the library that can be stopped: some patterns take for ever on some answers."""
    import regex

    flags = regex.VERSION0 | (regex.IGNORECASE if question.ignore_case else 0)
    try:
        return regex.compile(question.expected, flags).search(answer, timeout=PATTERN_SECONDS) is not None
    except TimeoutError:
        return False


def _is_number(question: Question, answer: str) -> bool:
    """A hair more than the tolerance is allowed, so that 0.3 is within 0.1 of 0.2."""
    numbers = find_numbers(answer)
    slack = 1e-9 * max(1.0, abs(question.expected))
    return bool(numbers) and abs(numbers[-1] - question.expected) <= question.tolerance + slack


def _is_valid(question: Question, answer: str) -> bool:
    try:
        value = json.loads(answer, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return bool(_build_validator(question.expected).is_valid(value))


def _chooses(question: Question, answer: str) -> bool:
    return _find_choices(question.choices, answer) == {question.expected}


def _find_choices(choices: Iterable[str], answer: str) -> set[str]:
    """Whole words only, and the longest where one choice is part of another."""
    ordered = sorted(choices, key=len, reverse=True)
    pattern = "|".join(re.escape(each) for each in ordered)
    by_fold = {each.casefold(): each for each in ordered}
    found = re.findall(rf"(?<!\w)(?:{pattern})(?!\w)", answer, re.IGNORECASE)
    return {by_fold[each.casefold()] for each in found if each.casefold() in by_fold}


def _fold(question: Question, text: str) -> str:
    return text.casefold() if question.ignore_case else text


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _build_validator(schema: dict[str, Any]) -> Any:
    """Of the draft that the schema names, 2020-12 where it names none. Fetches nothing: it knows of no other schema."""
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    return validator_for(schema, default=Draft202012Validator)(schema, registry=Registry())


def _find_schema_problem(schema: dict[str, Any]) -> str:
    from jsonschema.exceptions import SchemaError
    from referencing.exceptions import Unresolvable

    validator = _build_validator(schema)
    try:
        validator.check_schema(schema)
        for reference in _list_references(schema):
            validator._resolver.lookup(reference)
    except SchemaError as error:
        return str(error.message)
    except Unresolvable as error:
        return f"{error.ref} is not in it"
    return ""


def _list_references(value: Any) -> list[str]:
    if isinstance(value, dict):
        here = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return here + [each for part in value.values() for each in _list_references(part)]
    return [each for part in value for each in _list_references(part)] if isinstance(value, list) else []


SCORERS: dict[Scorer, Callable[[Question, str], bool]] = {
    "exact": _is_exact, "contains": _contains, "regex": _matches, "number": _is_number, "json_schema": _is_valid,
    "choice": _chooses,
}  # fmt: skip
