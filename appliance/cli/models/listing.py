"""``models list``: every model that the appliance knows by name, and those that are here."""

import json
from typing import Annotated, Any

import typer

from appliance.cli.models.adapters import list_adapters
from appliance.cli.models.catalogue import Filled, explained, read_catalogue, read_filled
from appliance.cli.models.columns import align
from appliance.cli.models.stored import build_lines as build_stored_lines
from appliance.cli.models.stored import list_models_here
from appliance.cli.screen import out
from appliance.settings import load
from inference.planning.errors import PlanningError
from inference.planning.sizing import count_embedding_parameters, count_linear_parameters, count_router_parameters
from inference.registry.entry import Architecture, Entry, Format
from inference.registry.load import Catalogue
from inference.registry.missing import list_missing
from inference.registry.spec import Purpose

BILLION = 1e9
HEAD = ("Size", "Context", "Licence", "Bits")
BITS: dict[Format, int] = {
    "fp32": 32, "bf16": 16, "fp8": 8, "w8a8-int8": 8, "awq-int4": 4, "gptq-int4": 4, "w4a16-int4": 4, "bnb-nf4": 4,
}  # fmt: skip


def list_models(
    purpose: Annotated[Purpose | None, typer.Option(help="Only models for this.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the models of the catalogue by what they are for: size, context, licence; and what is here already."""
    with explained():
        catalogue = read_catalogue()
        filled = read_filled()
        rows = [build_row(entry, catalogue, filled) for entry in choose(catalogue, purpose)]
    here, adapters = list_models_here(load()), list_adapters(load())
    if as_json:
        document = {
            "schema_version": 1, "models": rows, "here": here, "adapters": [each.as_document() for each in adapters],
        }  # fmt: skip
        out.print(json.dumps(document, indent=2), markup=False)
        return
    out.print("\n".join([*build_lines(rows), *build_stored_lines(here)]), markup=False)
    for adapter in adapters:
        out.print(adapter.describe(), markup=False)
    if filled:
        last = max(pin.date for pin, _ in filled.values())
        out.print(f"Weights that were pinned here: {len(filled)}, the last on {last}.")
    out.print("`bin/appliance models show MODEL` says what is known of one, and what is not.")


def choose(catalogue: Catalogue, purpose: Purpose | None) -> list[Entry]:
    return [entry for entry in catalogue.models if purpose in (None, entry.purpose)]


def build_row(entry: Entry, catalogue: Catalogue, filled: Filled) -> dict[str, Any]:
    """A model as JSON; ``parameters`` is computed, and null where a fact that it needs is not known."""
    return {
        "id": entry.id,
        "name": entry.name,
        "purpose": entry.purpose,
        "family": entry.family,
        "parameters": count_parameters(entry.architecture),
        "context_tokens": entry.context.native_tokens,
        "weights": [
            {
                "hub_id": each.hub_id,
                "format": each.format,
                "revision": each.revision,
                "pinned_at": filled[each.hub_id][0].pinned_at if each.hub_id in filled else None,
            }
            for each in entry.variants
        ],
        "licence": entry.licence,
        "missing": len(list_missing(entry, catalogue)),
    }


def count_parameters(architecture: Architecture) -> int | None:
    """Without norms and biases; None for layers that are not attention and a feed-forward block, or of unknown size."""
    if architecture.attention != "full":
        return None
    try:
        linear, rest = count_linear_parameters(architecture), count_embedding_parameters(architecture)
        return linear + rest + count_router_parameters(architecture)
    except PlanningError:
        return None


def build_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A table for each purpose, not wider than 80 columns: of the weights, how many bits a parameter takes."""
    lines: list[str] = []
    for purpose in dict.fromkeys(row["purpose"] for row in rows):
        cells = [write_cells(row) for row in rows if row["purpose"] == purpose]
        lines += ["", *align((f"For {purpose}", *HEAD), cells, right=HEAD[:2])]
    return lines[1:]


def write_cells(row: dict[str, Any]) -> tuple[str, ...]:
    bits = sorted({BITS[each["format"]] for each in row["weights"]})
    return (
        row["id"],
        f"{row['parameters'] / BILLION:.1f} bn" if row["parameters"] else "?",
        write_tokens(row["context_tokens"]),
        row["licence"],
        ", ".join(str(each) for each in bits),
    )


def write_tokens(count: int | None) -> str:
    """As people say it: 32k of 1024 each."""
    return f"{count // 1024}k" if count and count >= 1024 else str(count or "?")
