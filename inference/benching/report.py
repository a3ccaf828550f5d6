"""What was measured, as one document and as a table. Pure.

The ratio of a figure is the median, over the rounds, of what it was through a way by what it was directly in the same
round: what slows the machine down for a while slows both.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from inference.benching.errors import LoadsDifferError
from inference.benching.request import Request

SCHEMA_VERSION = 1
# vLLM's name of a figure, in words, and its unit.
FIGURES: Mapping[str, tuple[str, str]] = {
    "request_throughput": ("Requests a second", ""),
    "output_throughput": ("Tokens written a second", ""),
    "median_ttft_ms": ("First token, median", "ms"),
    "p99_ttft_ms": ("First token, 99th percentile", "ms"),
    "median_itl_ms": ("Between tokens, median", "ms"),
    "median_e2el_ms": ("Whole answer, median", "ms"),
    "p99_e2el_ms": ("Whole answer, 99th percentile", "ms"),
}
Runs = Sequence[Mapping[str, float]]


def require_same_loads(runs: Mapping[str, Runs]) -> None:
    """Raises LoadsDifferError: the same seed has to have made the same prompts and answers of the same length."""
    sizes = {
        name: sorted({(run["total_input_tokens"], run["total_output_tokens"]) for run in of})
        for name, of in runs.items()
    }
    if len({size for of in sizes.values() for size in of}) > 1:
        words = "; ".join(f"{name}: {of}" for name, of in sizes.items())
        raise LoadsDifferError(f"The ways got different loads (tokens read and written): {words}.")


def build_report(
    request: Request, runs: Mapping[str, Runs], *, model: str, date: str, machine: Mapping[str, Any],
    versions: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """``runs``: of each way, one mapping a round, in the order of the rounds."""
    require_same_loads(runs)
    first = request.targets[0].name
    return {
        "schema_version": SCHEMA_VERSION, "date": date, "machine": dict(machine), "versions": dict(versions),
        "model": model, "load": request.load.model_dump(mode="json"), "rounds": request.rounds, "compared_with": first,
        "ways": [
            {
                "name": target.name, "url": target.url, "client_certificate": target.tls is not None,
                "figures": {name: _summarise(name, runs[target.name], runs[first]) for name in FIGURES},
                "runs": [dict(run) for run in runs[target.name]],
            }
            for target in request.targets
        ],
    }  # fmt: skip


def _summarise(name: str, runs: Runs, first: Runs) -> dict[str, float]:
    values = [run[name] for run in runs]
    ratios = [run[name] / other[name] for run, other in zip(runs, first, strict=True) if other[name]]
    return {
        "median": statistics.median(values), "smallest": min(values), "largest": max(values),
        "ratio": statistics.median(ratios) if ratios else 1.0,
    }  # fmt: skip


def build_rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A figure a row: of each way its median, and of each but the first the ratio to the first."""
    first, *others = report["ways"]
    head = ("", first["name"], *(word for way in others for word in (way["name"], "Ratio")))
    rows: list[tuple[str, ...]] = [head]
    for name, (words, unit) in FIGURES.items():
        cells = [_write(first, name, unit)]
        for way in others:
            cells += [_write(way, name, unit), f"{way['figures'][name]['ratio']:.3f}"]
        rows.append((words, *cells))
    return rows


def describe(report: Mapping[str, Any]) -> list[str]:
    """What was run, in sentences: below the table, and in the documentation's."""
    load, versions = report["load"], ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    ran = (
        f"Model {report['model']}; {load['prompts']} requests a run, {load['input_tokens']} tokens in and "
        f"{load['output_tokens']} out, {load['concurrency']} at once, seed {load['seed']}."
    )
    counted = (
        f"Medians of {report['rounds']} rounds, in each of which every way had its turn; a ratio is the median of the "
        "rounds' own."
    )
    return [ran, counted, f"Measured on {report['date'][:10]} with {report['machine']['device']} ({versions})."]


def write_markdown(report: Mapping[str, Any]) -> str:
    """The table for the documentation."""
    head, *rows = build_rows(report)
    lines = [head, ("---",) * len(head), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([table, *describe(report)]) + "\n"


def _write(way: Mapping[str, Any], name: str, unit: str) -> str:
    return f"{way['figures'][name]['median']:.2f} {unit}".strip()
