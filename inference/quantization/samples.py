"""The text that a calibrated run watches the model read: a file of lines or of JSON lines, sampled by a seed. Pure but
for reading the file."""

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.quantization.errors import CalibrationError

DEFAULT_SAMPLES = 256
DEFAULT_MAX_TOKENS = 1024
LEAST_SAMPLES = 8
MAX_FILE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Samples:
    """``texts`` in the order in which they are read; ``sha256`` is the file's."""

    texts: tuple[str, ...]
    sha256: str
    max_tokens: int
    seed: int


def read_samples(path: Path, *, samples: int, max_tokens: int, seed: int) -> Samples:
    """At most ``samples`` texts. Raises CalibrationError, which names the line."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CalibrationError(f"{path} is larger than {MAX_FILE_BYTES // 1024**2} MiB. Take a part of it.")
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise CalibrationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise CalibrationError(f"{path} is no UTF-8 text (byte {error.start}).") from None
    texts = parse_texts(text, path)
    if len(texts) < LEAST_SAMPLES:
        raise CalibrationError(
            f"{path} holds {len(texts)} texts; fewer than {LEAST_SAMPLES} say too little about what the model reads."
        )
    random.Random(seed).shuffle(texts)  # noqa: S311 - a sample, no secret
    return Samples(tuple(texts[:samples]), hashlib.sha256(raw).hexdigest(), max_tokens, seed)


def parse_texts(text: str, path: Path) -> list[str]:
    """Of JSON lines: ``{"text": ...}`` or ``{"messages": [{"content": ...}]}``. Of a plain text: its paragraphs."""
    if path.suffix != ".jsonl":
        return [part.strip() for part in text.split("\n\n") if part.strip()]
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            found.append(_parse_line(line, f"{path}, line {number}"))
    return found


def _parse_line(line: str, where: str) -> str:
    try:
        raw: Any = json.loads(line)
    except ValueError:
        raise CalibrationError(f"{where}: this is no JSON.") from None
    if isinstance(raw, dict):
        if isinstance(raw.get("text"), str) and raw["text"].strip():
            return str(raw["text"])
        messages = raw.get("messages") or ()
        contents = [each["content"] for each in messages if isinstance(each, dict) and "content" in each]
        if contents and all(isinstance(content, str) for content in contents):
            return "\n\n".join(contents)
    raise CalibrationError(f'{where}: neither {{"text": "..."}} nor {{"messages": [{{"content": "..."}}]}}.')
