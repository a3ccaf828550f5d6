"""``models pin``: fill in commit, size and sums of weights that the catalogue has as null, from a hub or a copy."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from appliance.cli import exit_codes
from appliance.cli.models.catalogue import get_entry
from appliance.cli.models.progress import show_progress
from appliance.cli.models.refusing import told_apart
from appliance.cli.screen import err, out
from appliance.cli.usage import UsageError, refuse_empty
from appliance.local import model_choice, pinning
from appliance.local.directories import ensure_directories
from appliance.local.errors import LocalError
from appliance.local.instance import LocalAppliance, open_appliance
from appliance.local.pinning import Answer
from inference.registry.copies import find_copies, measure_copy, read_hub_id
from inference.registry.entry import Variant
from inference.registry.load import Catalogue
from inference.registry.own import load_unpinned_catalogue
from inference.registry.pinning import PinConflictError, pin_variant
from inference.registry.pins import Pin, build_fragment, list_filled, read_pins, write_pins
from inference.registry.store import only_one_change

SCHEMA_VERSION = 1
SHOWN_CHARACTERS = 12
INDENT = "      "


@dataclass
class Result:
    """By hub id. ``failed`` has the reason."""

    pinned: dict[str, Pin] = field(default_factory=dict)
    unchanged: dict[str, Pin] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def pin(
    model: Annotated[
        str | None, typer.Argument(help="Weights by their hub id, or a model of the catalogue with all of its weights.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the catalogue that the place has.")] = False,
    hub: Annotated[bool, typer.Option("--hub", help="Ask the hub; it fetches no weights.")] = False,
    copy: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Read a copy: a model's directory or a hub client's cache; with --all a folder of those."
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="A branch, tag or commit; of a plain directory, the commit.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take what differs from an earlier pin, and record the old values.")
    ] = False,
    as_yaml: Annotated[
        bool, typer.Option("--print", help="Pin nothing: print the lines for inference/registry/models.yaml.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fill in the commit, size and SHA-256 of weights for this installation; what is known already is compared.

    A commit or file that differs is refused by name, and nothing is pinned.
    """
    refuse_empty(model)
    if (model is None) != everything:
        raise UsageError("Name one model of the catalogue, or --all.")
    if hub == (copy is not None):
        raise UsageError("Say where to read it: --hub, or --from and a directory.")
    local = open_appliance()
    with told_apart():
        catalogue = load_unpinned_catalogue(local.settings)
        variants = choose_variants(catalogue, model)
        ensure_directories(local.settings, local.identity)
        answers = (
            _ask_hub(local, variants, revision) if hub else _read_copies(copy or Path(), variants, revision, model)
        )
        result = _pin(local, variants, answers, replace=replace, keep=not as_yaml)
    _show(result, variants, as_yaml=as_yaml, as_json=as_json)
    if result.failed:
        raise typer.Exit(exit_codes.PROBLEM)


def choose_variants(catalogue: Catalogue, model: str | None) -> dict[str, Variant]:
    """By hub id: all, one set of weights, or those of one entry. Raises LocalError for an unknown name."""
    every = {variant.hub_id: variant for entry in catalogue.models for variant in entry.variants}
    if model is None:
        return every
    for hub_id, variant in every.items():
        if model.lower() == hub_id.lower() or model == variant.name:
            return {hub_id: variant}
    return {variant.hub_id: variant for variant in get_entry(catalogue, model).variants}


def _ask_hub(local: LocalAppliance, variants: dict[str, Variant], revision: str | None) -> list[Answer]:
    """At the revision that the catalogue knows, if none is named. Of those that come in a package the hub has another
    copy: they are left alone."""
    asked = {hub_id: revision or each.revision for hub_id, each in variants.items() if not each.package}
    return pinning.ask_hub(local, asked)


def _read_copies(folder: Path, variants: dict[str, Variant], revision: str | None, model: str | None) -> list[Answer]:
    folder = folder.expanduser()
    if model is None:
        if not folder.is_dir():
            raise LocalError(f"{folder} is no directory: name the folder that the copies are in.")
        copies = [(hub_id, path) for hub_id, path in find_copies(folder) if hub_id in variants]
        if not copies:
            raise LocalError(
                f"{folder} holds no copy that says which model of the catalogue it is: name one model, and the "
                "directory with its files."
            )
    else:
        copies = [(_identify(folder, variants, model), folder)]
    answers = []
    for hub_id, path in copies:
        with show_progress() as shown:
            shown.begin(f"Reading {hub_id}", None)
            answers.append(pinning.read_copy(hub_id, measure_copy(path, revision=revision, see=shown.advance)))
    return answers


def _identify(folder: Path, variants: dict[str, Variant], model: str) -> str:
    """Which of the weights that were named this is a copy of."""
    said = read_hub_id(folder.resolve()) if folder.is_dir() else None
    if said in variants:
        return str(said)
    if said is not None:
        raise LocalError(f"{folder} is a copy of {said}, which is not among the weights of {model}.")
    if len(variants) > 1:
        raise LocalError(
            f"{folder} does not say which weights of {model} it has. Name them instead: {', '.join(variants)}."
        )
    return next(iter(variants))


def _pin(
    local: LocalAppliance, variants: dict[str, Variant], answers: list[Answer], *, replace: bool, keep: bool
) -> Result:
    """All or nothing where something differs; what the place does not have keeps no other from being pinned."""
    models_dir, result, problems = model_choice.models_dir(local.settings), Result(), []
    is_replaceable = True
    with only_one_change(models_dir):
        pins = read_pins(models_dir)
        for answer in answers:
            if answer.facts is None:
                result.failed[answer.hub_id] = answer.problem
                continue
            try:
                done = pin_variant(variants[answer.hub_id], pins.get(answer.hub_id), answer.facts, replace=replace)
            except PinConflictError as error:
                problems += error.problems
                is_replaceable = is_replaceable and error.replaceable
                continue
            (result.pinned if done.changed else result.unchanged)[answer.hub_id] = done.pin
        if problems:
            raise PinConflictError(problems, replaceable=is_replaceable)
        if keep and result.pinned:
            write_pins(models_dir, {**pins, **result.pinned})
    return result


def _show(result: Result, variants: dict[str, Variant], *, as_yaml: bool, as_json: bool) -> None:
    found = {**result.pinned, **result.unchanged}
    if as_json:
        out.print(json.dumps(build_document(result), indent=2), markup=False)
        return
    for hub_id, problem in result.failed.items():
        err.print(f"{hub_id} was not pinned: {problem}.", markup=False)
    if as_yaml:
        fragments = [build_fragment(variants[hub_id], it) for hub_id, it in found.items()]
        out.print(write_fragments([each for each in fragments if len(each) > 1]), markup=False, end="")
        return
    for word, pins in (("Pinned", result.pinned), ("As it was", result.unchanged)):
        for hub_id, it in pins.items():
            out.print(f"{word}: {hub_id} {describe(variants[hub_id], it)}", markup=False)


def describe(variant: Variant, pin: Pin) -> str:
    commit = f"at {pin.revision[:SHOWN_CHARACTERS]}" if pin.revision else "at a commit that is not known"
    size = f"{pin.bytes_on_disk:,} bytes" if pin.bytes_on_disk else "a size that is not known"
    sums = f"{len(pin.sha256)} sums" if pin.sha256 else "no sums"
    filled = ", ".join(list_filled(variant, pin)) or "nothing, the catalogue knows it"
    return f"{commit}, {size}, {sums}, from {pin.origin}. It fills {filled}."


def write_fragments(fragments: list[dict[str, Any]]) -> str:
    """Indented as the weights of a model are in the catalogue."""
    text = yaml.safe_dump(fragments, sort_keys=False, width=1000)
    return "".join(f"{INDENT}{line}\n" for line in text.splitlines()) if fragments else ""


def build_document(result: Result) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "pinned": {hub_id: it.model_dump(mode="json") for hub_id, it in result.pinned.items()},
        "unchanged": {hub_id: it.model_dump(mode="json") for hub_id, it in result.unchanged.items()},
        "failed": result.failed,
    }
