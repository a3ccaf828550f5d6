"""``models import``: bring a model that is on a disk here into the appliance's own store."""

import json
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.models.adapters import SERVED_BESIDE
from appliance.cli.models.progress import show_progress
from appliance.cli.models.refusing import told_apart
from appliance.cli.screen import out
from appliance.cli.usage import refuse_empty
from appliance.local import model_choice
from appliance.local.directories import ensure_directories
from appliance.local.instance import open_appliance
from inference.registry.adapter import is_adapter
from inference.registry.importing import Imported, Names, import_model

GIB = 1024**3


def import_(
    source: Annotated[
        str, typer.Argument(help="A directory, a tar or zip archive, or a model's folder in a hub client's cache.")
    ],
    name: Annotated[str | None, typer.Option(help="What to call it, if not after the directory or archive.")] = None,
    hub_id: Annotated[
        str | None, typer.Option(help="The hub id it is a copy of (owner/name); a hub's cache says it itself.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Its revision on the hub: a branch, tag or commit.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy a model or an adapter into the appliance: checked first, with the SHA-256 of each file. Then: models
    activate, or model.adapters in appliance.yaml."""
    refuse_empty(source, "directory or archive")
    local = open_appliance()
    with told_apart():
        ensure_directories(local.settings, local.identity)
        policy = model_choice.read_policy(local.settings)
        with show_progress() as shown:
            names, models_dir = Names(name, hub_id, revision), model_choice.models_dir(local.settings)
            done = import_model(
                Path(source).expanduser(), models_dir=models_dir, names=names, progress=shown, policy=policy,
                find_expected=lambda hub_id: model_choice.find_pinned(local.settings, hub_id),
            )  # fmt: skip
    if as_json:
        out.print(json.dumps(build_document(done), indent=2), markup=False)
        return
    for left in done.cleared:
        out.print(f"Removed what an import or removal that was cut off had left: {left}", markup=False)
    word = "Was here already" if done.was_there else "Imported"
    out.print(f"{word}: {done.stored.reference} ({done.files} files, {done.total_bytes / GIB:.2f} GiB)", markup=False)
    activate = f"Next: bin/appliance models activate {done.stored.reference}"
    out.print(SERVED_BESIDE if is_adapter(done.stored.folder) else activate, markup=False)


def build_document(done: Imported) -> dict[str, object]:
    return {
        "schema_version": 1, "model": done.stored.reference, "name": done.stored.name, "revision": done.stored.revision,
        "commit": done.stored.commit, "folder": str(done.stored.folder), "files": done.files, "bytes": done.total_bytes,
        "was_there": done.was_there,
        "kind": "adapter" if is_adapter(done.stored.folder) else "model", "cleared": list(done.cleared),
    }  # fmt: skip
