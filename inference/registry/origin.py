"""Where a model directory came from: the hub's name of it, or of the model that it was quantised from."""

import json
from pathlib import Path
from typing import Any

FETCHED = "fetched.json"
IMPORTED = "imported.json"
QUANTIZED = "quantized.json"
MADE_HERE = "quantized"  # as the marker's kind, which an import writes anew


def find_hub_id(folder: Path) -> str | None:
    """As its marker, or its parent's in ``quantized.json``, names it; None where nothing does.

    A ``quantized.json`` that came with a model is whoever's word: it counts beside the marker of a model that was
    quantised here, and so in a copy of the whole folder.
    """
    name = _read(folder / FETCHED).get("hub_id")
    if name is None and _read(folder / IMPORTED).get("kind") == MADE_HERE:
        parent = _read(folder / QUANTIZED).get("parent")
        name = parent.get("hub_id") if isinstance(parent, dict) else None
    return name if isinstance(name, str) else None


def _read(file: Path) -> dict[str, Any]:
    """A marker that cannot be read says nothing: whether the files are whole is for the verification to say."""
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return raw if isinstance(raw, dict) else {}
