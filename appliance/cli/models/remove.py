"""``models remove``: take a model out of the store and free its space."""

import json
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.models.refusing import told_apart
from appliance.cli.screen import out
from appliance.cli.usage import refuse_empty
from appliance.local import acknowledgements, model_choice
from appliance.local.errors import LocalError
from appliance.local.instance import open_appliance
from appliance.settings import Settings
from inference.quantization.work import list_begun
from inference.registry.fetched import build_folder
from inference.registry.store import Stored, get_removable, only_one_change, remove_unfinished
from inference.registry.store import remove as remove_from_store

GIB = 1024**3


def remove(
    model: Annotated[str, typer.Argument(help="A model of the store: its name, or name@revision.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove a model that was imported or fetched, and say how much space that frees. Not the one that answers."""
    local = open_appliance()
    refuse_empty(model)
    models_dir = model_choice.models_dir(local.settings)
    with local.only_one_change(), told_apart():
        stored = get_removable(models_dir, model)
        if used_by := find_use(local.settings, stored):
            raise LocalError(
                f"{stored.reference} is in use ({used_by}). Activate another one first, or `auto`: bin/appliance "
                "models activate; a further model is taken out of appliance.yaml."
            )
        if begun := list_begun(models_dir, parent=stored.folder):
            raise LocalError(
                f"{stored.reference} is being quantised as {begun[0]}. Finish that with its own command, or discard "
                f"it: bin/appliance models quantize --discard {begun[0]}"
            )
        with only_one_change(models_dir):
            remove_unfinished(models_dir)
            freed = remove_from_store(stored, models_dir=models_dir)
        for name in {stored.reference, stored.reference.replace("--", "/", 1)}:  # of a lost marker, the folder's name
            acknowledgements.forget(local.settings, name)
    if as_json:
        document = {"schema_version": 1, "model": stored.reference, "freed_bytes": freed}
        out.print(json.dumps(document, indent=2), markup=False)
        return
    out.print(f"Removed {stored.reference}: {freed / GIB:.2f} GiB are free again.", markup=False)


def find_use(settings: Settings, stored: Stored) -> str:
    """What serves this model now or would at the next start; empty when nothing does. Raises ActivationUnreadableError
    where only the record of what was activated could tell, and LocalError for a choice that cannot be made."""
    if words := _find_use_in_settings(settings, stored):
        return words
    active = model_choice.read_activation(settings)
    if active is not None and _is_meant(
        stored, Path(active.path) if active.path else None, active.hub_id, active.revision
    ):
        return "it was activated"
    if model_choice.is_automatic(settings) and settings.model.automatic:
        spec = model_choice.choose(settings, may_fetch=False).spec
        if spec is not None and spec.path == stored.folder:
            return "it was chosen for this machine"
    return ""


def _find_use_in_settings(settings: Settings, stored: Stored) -> str:
    named = settings.model
    wanted = [("appliance.yaml names it", named.path, named.hub_id, named.revision)]
    mentioned = (settings.model, *settings.further_models.values())
    beside = [path for each in mentioned for path in (*each.adapters.values(), each.speculative.draft)]
    wanted += [("appliance.yaml names it beside the model", path, None, None) for path in beside]
    wanted += [
        (f"it is the further model {name}", further.path, further.hub_id, further.revision)
        for name, further in settings.further_models.items()
    ]
    found = (words for words, path, hub_id, revision in wanted if _is_meant(stored, path, hub_id, revision))
    return next(found, "")


def _is_meant(stored: Stored, path: Path | None, hub_id: str | None, revision: str | None) -> bool:
    if path is not None and path.resolve() == stored.folder.resolve():
        return True
    folder = stored.folder
    return hub_id is not None and folder == build_folder(folder.parent, hub_id=hub_id, revision=revision or "main")
