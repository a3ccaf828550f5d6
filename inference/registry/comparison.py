"""What was measured of a model against its parent: where it is kept, and how it is shown. Measures nothing itself.

A comparison lies beside the record of the model it is about, outside of its sealed directory, and goes when the model
is removed. It is about files: one whose manifest has another sum now is not shown.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from inference.registry.errors import ModelError
from inference.registry.place import Place, find_place, write_beside

SCHEMA_VERSION = 1
GIB = 1024**3


class ParentUnknownError(ModelError):
    """Nothing says what the model was made from: name the parent."""


class ComparisonError(ModelError):
    """A comparison that cannot be read, or that is not about the model it stands for."""


def keep(path: Path, report: dict[str, Any], *, models_dir: Path) -> Path:
    """Where the comparison of the model in ``path`` lies now. Raises ComparisonError where it cannot be written."""
    place = find_place(path, models_dir=models_dir)
    file = place.comparison
    if not write_beside(place, file, json.dumps(report, indent=2) + "\n"):
        raise ComparisonError(f"{file} cannot be written: run this as the user that {models_dir} belongs to.")
    return file


def find_kept(path: Path, *, models_dir: Path) -> dict[str, Any] | None:
    """What was kept of exactly these files; None where there is nothing, or it was of others."""
    place = find_place(path, models_dir=models_dir)
    report = _read(place)
    if report is None or report["child"]["manifest_sha256"] != _sum_manifest(place):
        return None
    return report


def describe_machine(report: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return f"{report['machine']['device']} ({versions})"


def build_rows(report: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Measure, parent, child, and how the child compares. The model card has the same rows."""
    parent, child, asked = report["parent"], report["child"], report["questions"]
    low, high = asked["interval"]
    rows = [
        ("Weights on disk", *_pair(parent, child, "weights_bytes_on_disk")),
        ("Weights in memory, planned", *_pair(parent, child, "planned_weights_bytes")),
        ("Perplexity", *_write_perplexity(report["perplexity"])),
        (
            "Questions passed", f"{asked['parent_pass_rate']:.1%}", f"{asked['child_pass_rate']:.1%}",
            f"{100 * asked['difference']:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})",
        ),
        (
            f"Passed by this one alone, of {asked['questions']}",
            str(asked["only_parent"]),
            str(asked["only_child"]),
            f"{asked['both']} by both, {asked['neither']} by neither",
        ),
    ]  # fmt: skip
    speed = report["speed"]
    for words, key, unit, factor in (
        ("Tokens a second", "tokens_per_second", "", 1), ("First token", "first_token_seconds", " ms", 1000)
    ):  # fmt: skip
        cells = [_write_spread(speed[side][key], unit, factor) for side in ("parent", "child")]
        ratio = speed["tokens_per_second_ratio" if factor == 1 else "first_token_ratio"]
        rows.append((words, cells[0], cells[1], f"{ratio:.2f} x"))
    return rows


def write_name(model: dict[str, Any]) -> str:
    how = "4 bits while loading" if model["converted_while_loading"] else model["format"] or "format not known"
    return f"{model['reference']} ({how})"


def _pair(parent: dict[str, Any], child: dict[str, Any], key: str) -> tuple[str, str, str]:
    before, after = parent[key], child[key]
    ratio = f"{after / before:.2f} x" if before and after else ""
    return _write_bytes(before), _write_bytes(after), ratio


def _write_bytes(value: int | None) -> str:
    if value is None:
        return "not known"
    return f"{value / GIB:.2f} GiB" if value >= GIB // 10 else f"{value / 1024**2:.2f} MiB"


def _write_perplexity(found: dict[str, Any]) -> tuple[str, str, str]:
    if not found["comparable"]:
        return "not compared", "not compared", ""
    return f"{found['parent']['value']:.4f}", f"{found['child']['value']:.4f}", f"{found['ratio']:.4f} x"


def _write_spread(values: dict[str, float], unit: str, factor: int) -> str:
    median, low, high = (values[name] * factor for name in ("median", "smallest", "largest"))
    return f"{median:.1f}{unit} ({low:.1f} to {high:.1f})"


def _read(place: Place) -> dict[str, Any] | None:
    try:
        report: dict[str, Any] = json.loads(place.comparison.read_text(encoding="utf-8"))
        return report if report["schema_version"] == SCHEMA_VERSION and "manifest_sha256" in report["child"] else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _sum_manifest(place: Place) -> str | None:
    try:
        return hashlib.sha256(place.manifest.read_bytes()).hexdigest()
    except OSError:
        return None
