"""JSON out of a model directory, read so that it means one thing: bounded, and no key twice."""

import json
from pathlib import Path
from typing import Any

from inference.registry.errors import ConfigUnreadableError
from inference.registry.refusals import DuplicateKeyError

MAX_BYTES = 256 * 1024 * 1024  # the longest vocabulary is a tenth of it
COPY_AGAIN = "Copy the whole model directory again."


class RepeatedKey(ValueError):
    """``args[0]`` is the key."""


def parse(text: str | bytes) -> Any:
    """Raises ValueError; :class:`RepeatedKey`, which is one, for a key that an object has twice."""
    try:
        return json.loads(text, object_pairs_hook=_build_object)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read(path: Path) -> Any:
    """Raises ConfigUnreadableError or DuplicateKeyError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is longer than {MAX_BYTES} bytes")
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigUnreadableError(path, "the file is missing.", COPY_AGAIN) from None
    except RepeatedKey as error:
        raise DuplicateKeyError(
            path, f"the file says {error.args[0]!r} twice, so it could be read in two ways.", "Keep one of the two."
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigUnreadableError(path, f"the file cannot be read ({error}).", COPY_AGAIN) from None


def read_object(path: Path) -> dict[str, Any]:
    """Raises ConfigUnreadableError or DuplicateKeyError."""
    value = read(path)
    if not isinstance(value, dict):
        raise ConfigUnreadableError(path, "the file does not hold a JSON object.", COPY_AGAIN)
    return value


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise RepeatedKey(key)
            seen.add(key)
    return built
