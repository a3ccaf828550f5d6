"""The scorers that need libraries of the inference environment, in that environment."""

import json
import subprocess
from typing import Any

from inference.comparing.scorers import PATTERN_SECONDS
from tests.engines.launch import INFERENCE_PYTHON, ROOT

SCHEMA = {
    "type": "object", "properties": {"litres": {"type": "integer", "minimum": 0}}, "required": ["litres"],
    "additionalProperties": False,
}  # fmt: skip
ELSEWHERE = {"$ref": "https://example.org/schema.json"}
INSIDE = {"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n"}


def score(*cases: tuple[str, Any, str]) -> list[dict[str, Any]]:
    """``cases`` are scorer, expected and answer."""
    asked = [
        {"question": {"id": "a", "question": "?", "scorer": scorer, "expected": expected}, "answer": answer}
        for scorer, expected, answer in cases
    ]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [str(INFERENCE_PYTHON), "-m", "tests.serving.scoring"], input=json.dumps(asked), env=env, cwd=ROOT,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_answer_is_json_and_valid_or_does_not_pass() -> None:
    answers = {
        '{"litres": 5}': True, ' {"litres": 5}\n': True, '{"litres": -5}': False, '{"litres": "5"}': False,
        '{"litres": 5, "more": 1}': False, "{}": False, '```json\n{"litres": 5}\n```': False, '{"litres": 5': False,
        '{"litres": NaN}': False, "": False, "[" * 100_000: False,
    }  # fmt: skip
    found = score(*(("json_schema", SCHEMA, answer) for answer in answers))
    assert [each["verdict"] for each in found] == list(answers.values())


def test_schema_that_is_none_or_leads_elsewhere_is_refused() -> None:
    wrong, elsewhere, inside = score(
        ("json_schema", {"type": "colour"}, "5"), ("json_schema", ELSEWHERE, "5"), ("json_schema", INSIDE, "5")
    )
    assert wrong["verdict"].startswith("line 1: expected is not a JSON schema ('colour' is not valid")
    assert (
        elsewhere["verdict"] == "line 1: expected is not a JSON schema (https://example.org/schema.json is not in it)"
    )
    assert inside["verdict"] is True


def test_pattern_is_found_anywhere_in_the_answer() -> None:
    found = score(
        ("regex", r"\b1[0-9]{2}\b", "about 120 litres"), ("regex", "^yes", "Yes"), ("regex", "(?i)^yes", "Yes")
    )
    assert [each["verdict"] for each in found] == [True, False, True]


def test_pattern_that_would_search_for_ever_is_stopped() -> None:
    (found,) = score(("regex", "(a|aa)+$", "a" * 60 + "b"))
    assert found["verdict"] is False
    assert PATTERN_SECONDS * 0.9 < found["seconds"] < 20  # with the time that importing takes
