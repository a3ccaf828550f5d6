"""``models show``: which model this appliance serves and why; or all that is known about one of the catalogue."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from appliance.cli.models.adapters import find_adapter
from appliance.cli.models.catalogue import Filled, explained, find_entry, get_entry, read_catalogue, read_filled
from appliance.cli.models.measured import (
    build_stored_document,
    describe_comparison,
    describe_stored,
    list_comparisons,
)
from appliance.cli.models.stored import find_stored
from appliance.cli.screen import out
from appliance.cli.usage import refuse_empty
from appliance.local import model_choice
from appliance.local.instance import open_appliance
from appliance.settings import load
from inference.registry.entry import Entry
from inference.registry.load import Catalogue
from inference.registry.missing import list_missing
from inference.registry.pins import FACTS, describe_pin
from inference.registry.store import list_stored

SCHEMA_VERSION = 1
UNKNOWN = "not known"


def show(
    model: Annotated[
        str | None,
        typer.Argument(help="A model of the catalogue or the store, or an adapter; what is served if left out."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which model this appliance serves and why, or what is known about a model, with sources and obligations."""
    refuse_empty(model, advice="Leave it out to show what is served.")
    if model is None:
        _show_served(as_json=as_json)
        return
    with explained():
        catalogue, models_dir = read_catalogue(), model_choice.models_dir(load())
        if (adapter := find_adapter(load(), model)) is not None:
            document = {"schema_version": SCHEMA_VERSION, **adapter.as_document()}
            out.print(json.dumps(document, indent=2) if as_json else adapter.describe(), markup=False)
            return
        if find_entry(catalogue, model) is None and (stored := find_stored(models_dir, model)) is not None:
            document = build_stored_document(stored, load(), catalogue)
            out.print(json.dumps(document, indent=2) if as_json else "\n".join(describe_stored(document)), markup=False)
            return
        entry = get_entry(catalogue, model, also=(each.reference for each in list_stored(models_dir)))
        filled = read_filled()
        document = build_document(entry, catalogue, filled) | {"comparisons": list_comparisons(load(), entry)}
    if as_json:
        out.print(json.dumps(document, indent=2), markup=False)
        return
    for line in describe(entry, catalogue, filled):
        out.print(line, markup=False)
    for report in document["comparisons"]:
        out.print(
            "\n".join(["Measured here", *(f"  {each}".rstrip() for each in describe_comparison(report))]), markup=False
        )


def _show_served(*, as_json: bool) -> None:
    local = open_appliance()
    choice = model_choice.choose(local.settings)
    activated = model_choice.find_activated(local.settings) is not None
    spec = choice.spec
    if as_json:
        found = {"name": spec.served_name, "licence": spec.licence, "device": spec.device} if spec else None
        document = {
            "schema_version": SCHEMA_VERSION, "model": found, "reason": choice.reason, "activated": activated,
        }  # fmt: skip
        out.print(json.dumps(document, indent=2), markup=False)
        return
    out.print(f"Model   {spec.served_name if spec else 'none'}", markup=False)
    out.print(f"Why     {choice.reason}", markup=False)


def build_document(entry: Entry, catalogue: Catalogue, filled: Filled) -> dict[str, Any]:
    """The entry with its sources, what was pinned here, its whole licence, and the paths of what nobody could check."""
    licence = catalogue.licences[entry.licence]
    cited = dict.fromkeys([*entry.cited, *(each.source for each in licence.obligations)])
    return {
        "schema_version": SCHEMA_VERSION,
        "entry": entry.model_dump(mode="json", exclude_unset=True),
        "tool_parser": entry.tool_parser,
        "reasoning_parser": entry.reasoning_parser,
        "licence": licence.model_dump(mode="json"),
        "sources": {key: catalogue.sources[key].model_dump(mode="json") for key in cited},
        "pinned": {
            variant.hub_id: {
                "facts": list(facts), "source": describe_pin(pin), **pin.model_dump(mode="json", exclude=set(FACTS)),
            }
            for variant in entry.variants if variant.hub_id in filled for pin, facts in [filled[variant.hub_id]]
        },
        "missing": list(list_missing(entry, catalogue)),
    }  # fmt: skip


def describe(entry: Entry, catalogue: Catalogue, filled: Filled) -> Iterator[str]:
    """The same for people: one fact a line, with where it was read."""
    licence, it = catalogue.licences[entry.licence], entry.architecture
    yield f"{entry.name} ({entry.id}) by {entry.developer}, for {entry.purpose}"
    yield f"  Context       {_number(entry.context.native_tokens)} tokens [{entry.context.source}]"
    yield f"  Architecture  {it.class_name}, {it.attention or UNKNOWN} attention [{', '.join(it.sources)}]"
    facts = ("layers", "hidden_size", "intermediate_size", "experts", "expert_intermediate_size", "attention_heads",
             "kv_heads", "head_size", "vocabulary", "max_positions")  # fmt: skip
    for fact in (each for each in facts if each in it.model_fields_set):
        yield f"    {fact:<26}{_number(getattr(it, fact))}"
    yield f"  Tool parser   {entry.tool_parser or 'none'}; reasoning parser {entry.reasoning_parser or 'none'}"
    yield "Weights"
    for variant in entry.variants:
        size = f"{_number(variant.bytes_on_disk)} bytes on disk"
        yield f"  {variant.hub_id}: {variant.format}, revision {variant.revision or 'not pinned'}, {size}"
        if (found := filled.get(variant.hub_id)) is not None:
            yield f"    {', '.join(found[1])}: {describe_pin(found[0])} from {found[0].origin}"
    yield "Good at"
    yield from (f"  {each.text} [{each.source}]" for each in entry.good_at)
    yield f"Licence: {licence.name}, {licence.link} [{entry.licence_source}]"
    yield from (f"  {each.text} [{each.source}]" for each in licence.obligations)
    yield "Sources"
    document = build_document(entry, catalogue, filled)
    for key, source in document["sources"].items():
        yield f"  [{key}] {source['title']}" + (f", {source['address']}" if source["address"] else "")
    yield "Facts that nobody could check"
    yield from (f"  {path}" for path in document["missing"] or ["none"])


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"
