"""Pure functions on a prompt's content: its name (a hash) and its rendering. No template language, nothing runs."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from webapp.prompts.errors import InvalidPrompt

PLACEHOLDER = re.compile(r"\{\{([a-z_]+)\}\}")
FENCE_START = "<<<QUOTED MATERIAL"
FENCE_END = "QUOTED MATERIAL>>>"


def content_sha256(*, text: str, parameters: Mapping[str, Any]) -> str:
    """The hash of the canonical JSON of a version: keys sorted, no spaces, UTF-8."""
    content = {"text": text, "parameters": dict(parameters)}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def render(text: str, values: Mapping[str, str]) -> str:
    """Replace each ``{{name}}``. A value is inserted as it is, once: placeholders inside values stay text."""
    missing = {name for name in PLACEHOLDER.findall(text) if name not in values}
    if missing:
        raise InvalidPrompt(f"no value for the placeholders {', '.join(sorted(missing))}")
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)


def quote_passages(passages: Sequence[tuple[int, str, str]]) -> str:
    """Number the passages ``(n, where, text)`` as ``[n] where: text`` inside a fence that marks them as quoted.

    A passage cannot close the fence or begin another source: its lines are joined into one, and the fence's words
    are broken up wherever a document contains them.
    """
    blocks = [f"[{n}] {_one_line(where)}: {_one_line(text)}" for n, where, text in passages]
    return "\n".join([FENCE_START, *blocks, FENCE_END])


def _one_line(text: str) -> str:
    joined = " ".join(text.split())
    return joined.replace("<<<", "< < <").replace(">>>", "> > >")
