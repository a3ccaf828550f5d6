"""What was seen of each cell: a table for people, and JSON with the versions it was seen with."""

import json
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.engines.launch import ROOT
from tests.engines.versions import read_versions

RESULTS = ROOT / "build" / "engines" / "matrix.json"
SCHEMA_VERSION = 1
TITLES = ("Cell", "Ready, s", "Tool call", "Own format", "Schema", "Weights, bytes", "Cache, tokens")


@dataclass
class Row:
    """Figures are None until they are seen; ``weights_files`` stays None where no file holds the format."""

    cell: str
    kv_cache_dtype: str
    ready_seconds: float | None = None
    streams: bool = False
    calls_tool: bool = False
    reads_own_format: bool = False
    obeys_schema: bool = False
    refuses: bool = False
    weights_planned: int | None = None
    weights_files: int | None = None
    kv_tokens_planned: int | None = None
    kv_tokens_logged: int | None = None


def write_results(rows: list[Row], path: Path = RESULTS) -> None:
    document = {
        "schema_version": SCHEMA_VERSION,
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": f"cpu ({platform.machine()})",
        "weights": "random",
        "versions": read_versions(),
        "cells": [asdict(row) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def render_table(rows: list[Row]) -> list[str]:
    """Markdown, one line a cell."""
    lines = [f"| {' | '.join(TITLES)} |", f"|{'---|' * len(TITLES)}"]
    return lines + [f"| {' | '.join(_cells(row))} |" for row in rows]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"{row.cell}, cache {row.kv_cache_dtype}",
        "-" if row.ready_seconds is None else f"{row.ready_seconds:.0f}",
        _word(row.calls_tool),
        _word(row.reads_own_format),
        _word(row.obeys_schema),
        _pair(row.weights_planned, row.weights_files),
        _pair(row.kv_tokens_planned, row.kv_tokens_logged),
    )


def _word(shown: bool) -> str:
    return "yes" if shown else "no"


def _pair(planned: int | None, real: int | None) -> str:
    """Planned and seen, with how far they are apart."""
    if planned is None or real is None:
        return f"{planned or 0:,} / not seen"
    return f"{planned:,} / {real:,} ({planned / real - 1:+.1%})"
