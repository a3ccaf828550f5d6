"""``models verify``: whether models are still the ones that were imported, and may be loaded."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.cli import exit_codes
from appliance.cli.models.progress import show_progress
from appliance.cli.models.refusing import told_apart
from appliance.cli.screen import out
from appliance.cli.usage import UsageError, refuse_empty
from appliance.local import model_choice
from appliance.local.instance import open_appliance
from appliance.settings import Settings
from inference.registry.errors import ModelError
from inference.registry.place import find_place
from inference.registry.signature import Policy
from inference.registry.store import (
    get_removable,
    list_stored,
    list_unmarked,
    refuse_other_than_expected,
    refuse_unmarked,
)
from inference.registry.verification import Verified
from inference.registry.verification import verify as verify_directory

GIB = 1024**3


def verify(
    model: Annotated[
        str | None, typer.Argument(help="A model of the store, or a directory; all of the store when left out.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read every file, also those that look unchanged.")] = False,
    renew: Annotated[
        bool, typer.Option("--renew", help="Take a directory outside of the store as it is now, and record its sums.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check models as before a load: form, names, sums. Exits with 1 when one is refused."""
    local = open_appliance(changes_machine=False)
    models_dir = model_choice.models_dir(local.settings)
    if renew and model is None:
        raise UsageError("--renew is about one directory: name it.")
    refuse_empty(model, "model or directory", advice="Leave it out to check all.")
    with told_apart():
        paths = find_paths(model, models_dir)
    for name, path in paths if renew else ():
        if find_place(path, models_dir=models_dir).is_stored:
            raise UsageError(
                f"--renew is about a directory outside of the store, and {name} lies in it: what was changed there is "
                f"removed and imported again: bin/appliance models remove {path.name}"
            )
    policy = model_choice.read_policy(local.settings)
    rows = [check(name, path, local.settings, full=full, renew=renew, policy=policy) for name, path in paths]
    if as_json:
        out.print(json.dumps({"schema_version": 1, "models": rows}, indent=2), markup=False)
    else:
        for row in rows:
            out.print(f"{'ok     ' if row['ok'] else 'refused'} {row['model']}: {row['detail']}", markup=False)
        if not rows:
            out.print("The store holds no model yet: bin/appliance models import")
    if not all(row["ok"] for row in rows):
        raise typer.Exit(exit_codes.PROBLEM)


def find_paths(model: str | None, models_dir: Path) -> list[tuple[str, Path]]:
    """What to check, by the name that is shown. Raises NotStoredError."""
    if model is None:
        every = [*list_stored(models_dir), *list_unmarked(models_dir)]
        return [(stored.reference, stored.folder) for stored in every]
    if (path := Path(model).expanduser()).is_dir():
        return [(str(path), path.resolve())]
    stored = get_removable(models_dir, model)
    return [(stored.reference, stored.folder)]


def check(
    name: str, path: Path, settings: Settings, *, full: bool, renew: bool, policy: Policy | None
) -> dict[str, Any]:
    """One row of the answer."""
    try:
        if find_place(path, models_dir=model_choice.models_dir(settings)).is_stored:
            refuse_unmarked(path)
        with show_progress() as shown:
            shown.begin(f"Checking {name}", None)
            found = verify_directory(
                path, models_dir=model_choice.models_dir(settings), full=full, renew=renew, policy=policy,
                see=shown.advance,
            )  # fmt: skip
            refuse_other_than_expected(found, lambda hub_id: model_choice.find_pinned(settings, hub_id))
    except ModelError as error:
        return {"model": name, "ok": False, "detail": str(error), "files": None, "bytes": None, "read_bytes": None}
    return {
        "model": name, "ok": True, "detail": describe(found, renewed=renew), "files": found.files,
        "bytes": found.total_bytes, "read_bytes": found.read_bytes,
    }  # fmt: skip


def describe(found: Verified, *, renewed: bool = False) -> str:
    size, read = f"{found.total_bytes / GIB:.2f} GiB", f"{found.read_bytes / GIB:.2f}"
    if found.is_new and not found.is_kept:
        return f"{found.files} files, {size}. There is nothing to compare with, and nothing could be recorded."
    if found.is_new:
        word = "taken as they are now" if renewed else "seen for the first time"
        return f"{found.files} files, {size}: {word}, so their sums were recorded."
    return f"{found.files} files, {size}, of which {read} GiB were read; the rest is as it was when it was last read."
