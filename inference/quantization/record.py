"""``quantized.json`` beside a model's files: which recipe made them, from which parent. Others read it to compare."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.quantization.recipes import IGNORED, ROUND_TO_NEAREST, Recipe

NAME = "quantized.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Parent:
    """``reference`` is its name in the store, or the directory it lay in; ``sha256`` is its manifest's."""

    reference: str
    revision: str | None
    sha256: str
    hub_id: str | None


@dataclass(frozen=True)
class Calibrated:
    """``sha256`` is of the file; ``samples`` and ``tokens`` are what was used of it."""

    sha256: str
    samples: int
    tokens: int
    max_tokens: int
    seed: int


def build_record(
    recipe: Recipe, parent: Parent, *, tools: Mapping[str, str], calibrated: Calibrated | None
) -> dict[str, Any]:
    """The same for the same parent, recipe, tools and calibration: no time is in it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "recipe": {
            "name": recipe.name,
            "format": recipe.format,
            "group_size": recipe.group_size,
            "ignore": list(IGNORED),
            "modifier": "+".join(recipe.modifiers) if calibrated else ROUND_TO_NEAREST,
            "tools": dict(tools),
            "calibration": asdict(calibrated) if calibrated else None,
        },
        "parent": asdict(parent),
    }


def read_record(folder: Path) -> dict[str, Any] | None:
    """None where there is none, or none that can be read."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        raw: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if raw["schema_version"] == SCHEMA_VERSION and {"recipe", "parent"} <= raw.keys():
            return raw
    return None


def find_parent(folder: Path) -> Parent | None:
    """What the model in ``folder`` was made from."""
    with contextlib.suppress(LookupError, TypeError):
        if (record := read_record(folder)) is not None:
            return Parent(**record["parent"])
    return None
