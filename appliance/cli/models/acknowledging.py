"""Before a model is activated: whether a named person acknowledged its licence, and what it asks for if nobody did."""

import shlex
from pathlib import Path

from rich.console import Console

from appliance.cli.models.refusing import told_apart
from appliance.local import acknowledgements, model_choice
from appliance.local.errors import LocalError
from appliance.local.instance import LocalAppliance
from inference.registry.checkpoint import find_licence
from inference.registry.licence import Terms, build_terms, describe, list_files
from inference.registry.origin import find_hub_id
from inference.registry.own import load_own_catalogue
from inference.registry.spec import ModelSpec
from inference.registry.store import find_marked

DIGEST_CHARACTERS = 12


class NotAcknowledgedError(LocalError):
    """Nobody acknowledged the licence of this model revision in its present words."""


def require_acknowledgement(
    local: LocalAppliance, spec: ModelSpec, *, asked_for: str, name: str | None, console: Console
) -> None:
    """Of the model, of the smaller one that guesses for it, and of adapters that state a licence. ``name`` acknowledges
    now, which ``console`` is told; without one it has to have been before. The audit has it before anything is
    switched, or gets it at the next ``up`` when the appliance is down. Raises NotAcknowledgedError."""
    asked = [(build_reference(local, each), read_terms(local, each)) for each in (spec, *_list_beside(spec))]
    missing = [(model, terms) for model, terms in asked if acknowledgements.find(local.settings, model, terms) is None]
    if missing and name is None:
        command = f'bin/appliance models activate {shlex.quote(asked_for)} --acknowledge-licence --as "First Last"'
        words = "\n".join(describe(terms, model) for model, terms in missing)
        raise NotAcknowledgedError(
            f"{words}\nNothing was changed. Whoever may decide that for your organisation says so with their name, "
            f"which is recorded:\n  {command}"
        )
    for model, terms in missing:
        assert name is not None, "it was asked for"
        acknowledgement = acknowledgements.build_acknowledgement(model, terms, name=name)
        acknowledgements.keep(local.settings, acknowledgement)
        console.print(f"Acknowledged by {acknowledgement.name}: {terms.name} for {model}", markup=False)
    if "postgres" in local.list_running():
        acknowledgements.record_pending(local.settings, local.management)


def _list_beside(spec: ModelSpec) -> list[ModelSpec]:
    """An adapter that says nothing of a licence is taken to be under its model's: whoever named it answers for it."""
    folders = [spec.draft] if spec.draft is not None else []
    folders += [adapter.path for adapter in spec.options.adapters if _states_licence(adapter.path)]
    return [ModelSpec(folder.name, "directory", spec.device, folder) for folder in folders]


def _states_licence(folder: Path) -> bool:
    return find_licence(folder / "README.md") is not None or bool(list_files(folder))


def build_reference(local: LocalAppliance, spec: ModelSpec) -> str:
    """The model's revision, so that other weights under the same name are asked about again.

    A directory outside of the store is told by the sum of its manifest, for which its files are verified first.
    """
    if spec.path is None or spec.hub_id is not None:
        return f"{spec.hub_id}@{spec.revision}"
    if (stored := find_marked(spec.path)) is not None and stored.folder.parent == model_choice.models_dir(
        local.settings
    ):
        return stored.reference
    found = model_choice.verify_files(local.settings, spec.path)
    return f"{spec.path}@{found.manifest_sha256[:DIGEST_CHARACTERS] or 'unrecorded'}"


def read_terms(local: LocalAppliance, spec: ModelSpec) -> Terms:
    return find_terms(local, spec.path, hub_id=spec.hub_id)


def find_terms(local: LocalAppliance, folder: Path | None, *, hub_id: str | None) -> Terms:
    """A model that was quantised here is under its parent's licence. ``folder``: its files, where they are here; the
    card among them is read, and not what the catalogue says of it."""
    if hub_id is None and folder is not None:
        hub_id = find_hub_id(folder)
    with told_apart():
        catalogue = load_own_catalogue(local.settings)
    card = find_licence(folder / "README.md") if folder else None
    return build_terms(catalogue, hub_id=hub_id, card=card, folder=folder)
