"""``models list``: every model that the appliance knows by name, and what this installation adds."""

import json
from typing import Annotated, Any

import typer

from appliance.cli.models.adapters import list_adapters
from appliance.cli.models.catalogue import Filled, explained, read_catalogue, read_filled
from appliance.cli.models.columns import align
from appliance.cli.screen import out
from appliance.settings import load
from inference.planning.errors import PlanningError
from inference.planning.sizing import count_embedding_parameters, count_linear_parameters, count_router_parameters
from inference.registry.entry import Architecture, Entry
from inference.registry.load import Catalogue
from inference.registry.missing import list_missing

BILLION = 1e9


def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the models of the catalogue: size, context, weights, licence; and the adapters that were imported."""
    with explained():
        catalogue = read_catalogue()
        filled = read_filled()
        rows = [build_row(entry, catalogue, filled) for entry in catalogue.models]
    adapters = list_adapters(load())
    if as_json:
        document = {"schema_version": 1, "models": rows, "adapters": [each.as_document() for each in adapters]}
        out.print(json.dumps(document, indent=2), markup=False)
        return
    out.print("\n".join(build_lines(rows)), markup=False)
    for adapter in adapters:
        out.print(adapter.describe(), markup=False)
    if filled:
        last = max(pin.date for pin, _ in filled.values())
        out.print(f"Weights that were pinned here: {len(filled)}, the last on {last}.")
    out.print("`bin/appliance models show MODEL` says everything that is known about one, and what is not.")


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
    """Without norms and biases."""
    try:
        linear, rest = count_linear_parameters(architecture), count_embedding_parameters(architecture)
        return linear + rest + count_router_parameters(architecture)
    except PlanningError:
        return None


def build_lines(rows: list[dict[str, Any]]) -> list[str]:
    head = ("Model", "For", "Parameters", "Context", "Weights", "Licence")
    cells = [
        (
            row["id"],
            row["purpose"],
            f"{row['parameters'] / BILLION:.1f} bn" if row["parameters"] else "?",
            f"{row['context_tokens']:,}" if row["context_tokens"] else "?",
            ", ".join(dict.fromkeys(each["format"] for each in row["weights"])),
            row["licence"],
        )
        for row in rows
    ]
    return align(head, cells, right=("Parameters", "Context"))
