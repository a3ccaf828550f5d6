"""What the scripted engine says: authored rules chosen by a ``<<marker>>`` in the last user message.

With no marker the answer quotes the opening words of passages 1 and 2 and cites them, so a citation check can succeed.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

DEFAULT_SCRIPT = Path(__file__).with_name("script.json")
TOKEN = re.compile(r"\s*\S+|\s+$")
MARKER = re.compile(r"<<([a-z-]+)>>")
PASSAGE = re.compile(r"^\[(\d+)\] (.+)$", re.MULTILINE)
QUOTED_WORDS = 10
TOKEN_DELAY_SECONDS = 0.01


@dataclass(frozen=True)
class Rule:
    """One authored behavior. ``times``: how often it applies before the default answer returns; None is always."""

    marker: str = ""
    text: str | None = None
    repeat: int = 1
    token_delay_seconds: float = TOKEN_DELAY_SECONDS
    status: int = 200
    message: str = ""
    break_after_tokens: int | None = None
    tool_name: str | None = None
    tool_arguments: dict[str, Any] | None = None
    times: int | None = None


def load_rules(raw: dict[str, Any]) -> tuple[Rule, ...]:
    return tuple(Rule(**rule) for rule in raw["rules"])


def read_script(path: Path = DEFAULT_SCRIPT) -> tuple[Rule, ...]:
    return load_rules(json.loads(path.read_text(encoding="utf-8")))


class Script:
    """Rules in force, later ones first, and how often each limited rule has been used."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._original = tuple(rules)
        self.rules = tuple(rules)
        self._used: dict[tuple[Rule, str], int] = {}

    def add(self, rules: Sequence[Rule]) -> None:
        self.rules = (*rules, *self.rules)

    def reset(self) -> None:
        self.rules = self._original
        self._used.clear()

    def choose(self, messages: Sequence[dict[str, Any]]) -> Rule:
        """The rule for a conversation. A limited rule counts its uses for each question apart."""
        question = last_user_text(messages)
        markers = set(MARKER.findall(question))
        for rule in self.rules:
            if rule.marker and rule.marker not in markers:
                continue
            if rule.times is not None:
                key = (replace(rule, tool_arguments=None), question)
                if self._used.get(key, 0) >= rule.times:
                    continue
                self._used[key] = self._used.get(key, 0) + 1
            return rule
        return Rule()


def text_of(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def last_user_text(messages: Sequence[dict[str, Any]]) -> str:
    return next((text_of(message) for message in reversed(messages) if message.get("role") == "user"), "")


def answer_text(rule: Rule, messages: Sequence[dict[str, Any]]) -> str:
    if rule.text is not None:
        return rule.text * rule.repeat
    everything = "\n".join(text_of(message) for message in messages)
    passages = {int(number): words for number, words in PASSAGE.findall(everything)}
    if 1 not in passages:
        return "The scripted engine was given no passages."
    sentences = [f"The first passage begins: {_opening(passages[1])} [1]."]
    if 2 in passages:
        sentences.append(f"The second begins: {_opening(passages[2])} [2].")
    return " ".join(sentences)


def _opening(passage: str) -> str:
    return " ".join(passage.split()[:QUOTED_WORDS])


def split_tokens(text: str) -> list[str]:
    """Pieces of at most one word each; joined they are the text."""
    return [match.group() for match in TOKEN.finditer(text)]


def count_prompt_tokens(messages: Sequence[dict[str, Any]]) -> int:
    return sum(len(split_tokens(text_of(message))) + 3 for message in messages)
