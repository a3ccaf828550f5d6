"""``models import``: bring a model that is on a disk here into the appliance's own store."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from appliance.cli.models.refusing import told_apart
from appliance.cli.screen import err, out
from appliance.local import model_choice
from appliance.local.directories import ensure_directories
from appliance.local.instance import open_appliance
from inference.registry.importing import Imported, Names, import_model

SAID_EVERY_BYTES = 10 * 1024**3
GIB = 1024**3


class Shown:
    """Implements :class:`inference.registry.importing.Progress`: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._task, self._done, self._said = bar, TaskID(0), 0, 0

    def begin(self, name: str, total_bytes: int | None) -> None:
        self._task = self._bar.add_task(name, total=total_bytes)
        if not err.is_terminal:
            size = f", {total_bytes / GIB:.1f} GiB" if total_bytes is not None else ""
            err.print(f"Importing {name}{size}", markup=False)

    def advance(self, done_bytes: int) -> None:
        self._bar.advance(self._task, done_bytes)
        self._done += done_bytes
        if not err.is_terminal and self._done // SAID_EVERY_BYTES > self._said:
            self._said = self._done // SAID_EVERY_BYTES
            err.print(f"  {self._done / GIB:.0f} GiB copied", markup=False)


def import_(
    source: Annotated[
        Path, typer.Argument(help="A directory, a tar or zip archive, or a model's folder in a hub client's cache.")
    ],
    name: Annotated[str | None, typer.Option(help="What to call it, if not after the directory or archive.")] = None,
    hub_id: Annotated[
        str | None, typer.Option(help="The hub id it is a copy of (owner/name); a hub's cache says it itself.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Its revision on the hub: a branch, tag or commit.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy a model into the appliance: checked first, with the SHA-256 of each file. Then: models activate."""
    local = open_appliance()
    with told_apart():
        ensure_directories(local.settings, local.identity)
        policy = model_choice.read_policy(local.settings)
        with _progress() as shown:
            names, models_dir = Names(name, hub_id, revision), model_choice.models_dir(local.settings)
            done = import_model(
                source.expanduser(), models_dir=models_dir, names=names, progress=shown, policy=policy
            )  # fmt: skip
    if as_json:
        out.print(json.dumps(build_document(done), indent=2), markup=False)
        return
    for left in done.cleared:
        out.print(f"Removed what an import or removal that was cut off had left: {left}", markup=False)
    word = "Was here already" if done.was_there else "Imported"
    out.print(f"{word}: {done.stored.reference} ({done.files} files, {done.total_bytes / GIB:.2f} GiB)", markup=False)
    out.print(f"Next: bin/appliance models activate {done.stored.reference}", markup=False)


def build_document(done: Imported) -> dict[str, object]:
    return {
        "schema_version": 1, "model": done.stored.reference, "name": done.stored.name, "revision": done.stored.revision,
        "commit": done.stored.commit, "folder": str(done.stored.folder), "files": done.files, "bytes": done.total_bytes,
        "was_there": done.was_there, "cleared": list(done.cleared),
    }  # fmt: skip


@contextmanager
def _progress() -> Iterator[Shown]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        yield Shown(bar)
