"""The program that quantises: its command line, and what its lines of JSON say. Pure."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.serving.command import Command
from inference.serving.environment import build_quantize_environment


def build_command(job: Path, *, python: Path, data_dir: Path, root: Path, prefix: tuple[str, ...] = ()) -> Command:
    """``python`` is the environment's own; ``prefix`` makes it run as another user."""
    argv = (*prefix, str(python), "-m", "inference.quantization.run", "--job", str(job))
    return Command(argv, build_quantize_environment(python=python, data_dir=data_dir, root=root))


@dataclass(frozen=True)
class Said:
    """One line of the program. ``event`` is begin, words, piece, failed or end; the rest belongs to it."""

    event: str
    detail: dict[str, Any]


def parse_line(line: str) -> Said | None:
    """None for what the program did not say: a library may print too."""
    try:
        raw = json.loads(line)
        return Said(str(raw.pop("event")), raw)
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
