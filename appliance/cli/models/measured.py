"""What was measured of models here, and what is known of one that only the store holds: in words and as JSON."""

from collections.abc import Iterator
from typing import Any

from appliance.cli.models.columns import align
from appliance.local import model_choice
from appliance.settings import Settings
from inference.quantization.record import read_record
from inference.registry.comparison import build_rows, describe_machine, find_kept, write_name
from inference.registry.entry import Entry
from inference.registry.load import Catalogue
from inference.registry.origin import find_hub_id
from inference.registry.parsers import find_entry
from inference.registry.store import Stored, list_stored

HEAD = ("", "Parent", "Child", "Child to parent")


def describe_comparison(report: dict[str, Any]) -> list[str]:
    """One measure a line, parent and child beside each other, and what may be concluded."""
    lines = [f"Parent  {write_name(report['parent'])}", f"Child   {write_name(report['child'])}"]
    if report["is_recorded_parent"] is False:
        lines.append("        The child was made from another model than this parent.")
    lines += ["", *align(HEAD, build_rows(report)), "", report["questions"]["in_words"]]
    if report["perplexity"]["problem"]:
        lines.append(f"Perplexities are not compared. {report['perplexity']['problem']}")
    lines.append(f"Speed: {report['speed']['how']}")
    return [*lines, f"Measured on {report['date'][:10]} with {describe_machine(report)}."]


def list_comparisons(settings: Settings, entry: Entry) -> list[dict[str, Any]]:
    """Those that were kept of models of the store which are the entry's, or were made from it."""
    models_dir = model_choice.models_dir(settings)
    ours = {entry.upstream, *(variant.hub_id for variant in entry.variants)}
    here = [stored for stored in list_stored(models_dir) if find_hub_id(stored.folder) in ours]
    kept = (find_kept(stored.folder, models_dir=models_dir) for stored in here)
    return [report for report in kept if report is not None]


def build_stored_document(stored: Stored, settings: Settings, catalogue: Catalogue) -> dict[str, Any]:
    """``catalogue_id``: the model of the catalogue that it is, or was made from."""
    entry = find_entry(find_hub_id(stored.folder), catalogue.models)
    compared = find_kept(stored.folder, models_dir=model_choice.models_dir(settings))
    return {
        "schema_version": 1, "reference": stored.reference, "name": stored.name, "revision": stored.revision,
        "folder": str(stored.folder), "catalogue_id": entry.id if entry else None,
        "quantized": read_record(stored.folder), "comparison": compared,
    }  # fmt: skip


def describe_stored(document: dict[str, Any]) -> Iterator[str]:
    entry_id = document["catalogue_id"]
    yield f"{document['reference']}, a model of the store{'' if entry_id else ' that the catalogue does not know'}"
    if entry_id:
        yield f"  Catalogue     {entry_id}: bin/appliance models show {entry_id}"
    yield f"  Files         {document['folder']}"
    if (made := document["quantized"]) is not None:
        yield f"  Made from     {made['parent']['reference']} with the recipe {made['recipe']['name']}"
    if document["comparison"] is None:
        yield "  Compared      not yet: bin/appliance models compare"
        return
    yield "Measured against its parent"
    yield from (f"  {line}".rstrip() for line in describe_comparison(document["comparison"]))
