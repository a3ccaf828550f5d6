"""A file of questions: JSON Lines, one question a line, checked as a whole before anything is started. Pure.

======================  ======================================================================================
Key                     What it is
======================  ======================================================================================
``id``                  text, once in the file
``question``            text, asked as the user's only message; or ``messages``
``messages``            a list of ``{"role": "system" | "user" | "assistant", "content": text}``, the user's last
``scorer``              ``exact``, ``contains``, ``regex``, ``number``, ``json_schema`` or ``choice``
``expected``            what the scorer compares with, see :mod:`inference.comparing.scorers`
``max_tokens``          optional, 256 when left out: how long the answer may be
``ignore_case``         optional, with ``exact``, ``contains`` and ``regex``
``tolerance``           optional, with ``number``: how far the answer may be from ``expected``
``choices``             with ``choice``: what may be chosen from, with ``expected`` among it
``structured``          optional, with ``json_schema`` and ``choice``: hold the engine to the schema or the choices
======================  ======================================================================================

Any other key is refused: a misspelt one would otherwise change what is measured.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from inference.comparing.errors import QuestionsError
from inference.registry import strict_json

Scorer = Literal["exact", "contains", "regex", "number", "json_schema", "choice"]
SCORERS: tuple[Scorer, ...] = get_args(Scorer)
COMMON = {"id", "question", "messages", "scorer", "expected", "max_tokens"}
OWN: dict[Scorer, set[str]] = {
    "exact": {"ignore_case"}, "contains": {"ignore_case"}, "regex": {"ignore_case"}, "number": {"tolerance"},
    "json_schema": {"structured"}, "choice": {"choices", "structured"},
}  # fmt: skip
ROLES = ("system", "user", "assistant")
MAX_QUESTIONS = 10_000
MAX_TOKENS, MOST_TOKENS = 256, 32_768
MAX_PATTERN_CHARACTERS = 1000
MAX_ID_CHARACTERS = 200


@dataclass(frozen=True)
class Question:
    """``messages`` are (role, content). ``expected`` is of the type that its scorer takes; ``line`` is the file's."""

    id: str
    line: int
    messages: tuple[tuple[str, str], ...]
    scorer: Scorer
    expected: Any
    max_tokens: int = MAX_TOKENS
    ignore_case: bool = False
    tolerance: float = 0.0
    choices: tuple[str, ...] = ()
    structured: bool = False


def read_questions(text: str) -> tuple[Question, ...]:
    """Raises QuestionsError, which names every line that is wrong and why. Empty lines are passed over."""
    found: list[Question] = []
    problems: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            question = read_question(line, number)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        if question.id in seen:
            problems.append(f"line {number}: the id {question.id!r} is on line {seen[question.id]} already")
        seen.setdefault(question.id, number)
        found.append(question)
    if not found and not problems:
        problems.append("the file holds no question")
    if len(found) > MAX_QUESTIONS:
        problems.append(f"there are {len(found)} questions, and at most {MAX_QUESTIONS} are asked")
    if problems:
        raise QuestionsError(problems)
    return tuple(found)


def read_question(line: str, number: int) -> Question:
    """Raises ValueError with everything that is wrong with the line."""
    try:
        raw = strict_json.parse(line)
    except strict_json.RepeatedKey as error:
        raise ValueError(f"the key {error.args[0]!r} is there twice") from None
    except ValueError as error:
        raise ValueError(f"this is not JSON ({error})") from None
    if not isinstance(raw, dict):
        raise ValueError("this is not a JSON object")
    scorer = raw.get("scorer")
    if scorer not in SCORERS:
        raise ValueError(f"scorer has to be one of {', '.join(SCORERS)}, and is {scorer!r}")
    problems = [f"the key {key!r} is not known" for key in raw if key not in COMMON | OWN[scorer]]
    problems += _check_identity(raw) + _check_options(raw) + CHECKS[scorer](raw)
    if problems:
        raise ValueError("; ".join(problems))
    messages = [{"role": "user", "content": raw["question"]}] if "question" in raw else raw["messages"]
    return Question(
        id=raw["id"], line=number, messages=tuple((each["role"], each["content"]) for each in messages), scorer=scorer,
        expected=raw["expected"], max_tokens=raw.get("max_tokens", MAX_TOKENS),
        ignore_case=raw.get("ignore_case", False), tolerance=float(raw.get("tolerance", 0)),
        choices=tuple(raw.get("choices", ())), structured=raw.get("structured", False),
    )  # fmt: skip


def _check_identity(raw: dict[str, Any]) -> list[str]:
    problems = []
    if not _is_text(raw.get("id")) or len(raw["id"]) > MAX_ID_CHARACTERS:
        problems.append(f"id has to be a text of at most {MAX_ID_CHARACTERS} characters")
    if ("question" in raw) == ("messages" in raw):
        problems.append("either question or messages has to be there")
    elif "question" in raw and not _is_text(raw["question"]):
        problems.append("question has to be a text")
    elif "messages" in raw and not _are_messages(raw["messages"]):
        problems.append(f"messages have to be a list of role ({', '.join(ROLES)}) and content, the user's last")
    if "expected" not in raw:
        problems.append("expected is missing")
    return problems


def _are_messages(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    fine = all(
        isinstance(each, dict) and each.keys() == {"role", "content"} and each["role"] in ROLES
        and _is_text(each["content"])
        for each in value
    )  # fmt: skip
    return fine and value[-1]["role"] == "user"


def _check_options(raw: dict[str, Any]) -> list[str]:
    problems = [f"{key} has to be true or false" for key in ("ignore_case", "structured") if key in raw
                and not isinstance(raw[key], bool)]  # fmt: skip
    wanted = raw.get("max_tokens", MAX_TOKENS)
    if type(wanted) is not int or not 1 <= wanted <= MOST_TOKENS:
        problems.append(f"max_tokens has to be a whole number from 1 to {MOST_TOKENS}")
    if "tolerance" in raw and not (_is_number(raw["tolerance"]) and raw["tolerance"] >= 0):
        problems.append("tolerance has to be a number that is not negative")
    return problems


def _check_text(raw: dict[str, Any]) -> list[str]:
    return [] if _is_text(raw.get("expected")) else ["expected has to be a text that is not empty"]


def _check_pattern(raw: dict[str, Any]) -> list[str]:
    if problems := _check_text(raw):
        return problems
    if len(raw["expected"]) > MAX_PATTERN_CHARACTERS:
        return [f"expected has to be a pattern of at most {MAX_PATTERN_CHARACTERS} characters"]
    try:
        re.compile(raw["expected"])
    except (re.error, RecursionError, OverflowError) as error:
        return [f"expected is not a regular expression ({error})"]
    return []


def _check_number(raw: dict[str, Any]) -> list[str]:
    return [] if _is_number(raw.get("expected")) else ["expected has to be a number"]


def _check_schema(raw: dict[str, Any]) -> list[str]:
    """Its form only: whether it is a JSON schema is asked where the library is."""
    return [] if isinstance(raw.get("expected"), dict) else ["expected has to be a JSON schema, as an object"]


def _check_choice(raw: dict[str, Any]) -> list[str]:
    choices = raw.get("choices")
    if not isinstance(choices, list) or len(choices) < 2 or not all(_is_text(each) for each in choices):
        return ["choices have to be a list of at least two texts"]
    if len({each.casefold() for each in choices}) != len(choices):
        return ["choices have to be different from each other, whatever the case"]
    return [] if raw.get("expected") in choices else ["expected has to be one of the choices"]


CHECKS = {
    "exact": _check_text, "contains": _check_text, "regex": _check_pattern, "number": _check_number,
    "json_schema": _check_schema, "choice": _check_choice,
}  # fmt: skip


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    """NaN and the infinities, which Python's JSON reads, are none."""
    return type(value) in (int, float) and abs(value) < float("inf")
