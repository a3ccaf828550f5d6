"""Hub models that are already on this machine: ``<models>/<owner>--<name>@<revision>`` with their origin."""

import contextlib
import json
import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inference.registry.checkpoint import Checkpoint, inspect_checkpoint, require_purpose
from inference.registry.choice import (
    DEFAULT_REVISION,
    Choice,
    ModelWish,
    choose_model,
    require_device,
    require_memory,
    require_named,
    with_checkpoint,
)
from inference.registry.companions import with_companions
from inference.registry.entry import Entry
from inference.registry.errors import NotFetchedError
from inference.registry.load import load_catalogue
from inference.registry.machine import MachineFacts
from inference.registry.origin import FETCHED, IMPORTED, find_hub_id
from inference.registry.parsers import find_entry, with_parsers
from inference.registry.refusals import MarkerMissingError
from inference.registry.spec import ModelSpec

MARKER, MARKERS = FETCHED, (FETCHED, IMPORTED)
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Fetched:
    """``commit`` is what the revision, which may be a branch, stood for when the model was fetched."""

    hub_id: str
    revision: str
    commit: str
    path: Path

    @property
    def reference(self) -> str:
        return f"{self.hub_id}@{self.revision}"


def build_folder(models_dir: Path, *, hub_id: str, revision: str) -> Path:
    return models_dir / f"{hub_id}@{revision}".replace("/", "--")


def write_marker(folder: Path, *, hub_id: str, revision: str, commit: str) -> None:
    marker = {"schema_version": SCHEMA_VERSION, "hub_id": hub_id, "revision": revision, "commit": commit}
    (folder / MARKER).write_text(json.dumps(marker), encoding="utf-8")


def list_fetched(models_dir: Path) -> list[Fetched]:
    """Complete models only: the marker is written last, before the folder gets its name."""
    found = []
    for marker in sorted(models_dir.glob(f"*/{MARKER}")):
        if marker.parent.name.startswith("."):
            continue
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # refused by name where it is wanted
            raw = json.loads(marker.read_text(encoding="utf-8"))
            hub_id, revision, commit = raw["hub_id"], raw["revision"], raw["commit"]
            if all(isinstance(each, str) for each in (hub_id, revision, commit)):
                found.append(Fetched(hub_id, revision, commit, marker.parent))
    return found


def build_lost_marker(folder: Path) -> MarkerMissingError:
    """The refusal of a folder that is there without saying what it is."""
    return MarkerMissingError(
        folder, f"its marker ({' or '.join(MARKERS)}) is lost or damaged, so nothing says which model it is.",
        f"Remove it, then import or fetch it again: bin/appliance models remove {shlex.quote(folder.name)}",
    )  # fmt: skip


def _refuse_damaged(hub_id: str, revision: str, *, models_dir: Path, here: Iterable[Fetched]) -> None:
    """A model whose folder is there is not absent: it is damaged, and fetching it again would be refused."""
    folder = build_folder(models_dir, hub_id=hub_id, revision=revision)
    if os.path.lexists(folder) and folder not in [fetched.path for fetched in here]:
        raise build_lost_marker(folder)


def resolve_model(
    wish: ModelWish, machine: MachineFacts, *, models_dir: Path, entries: Iterable[Entry] | None = None
) -> Choice:
    """Choose, and inspect the files of a model that is here. Raises ModelError.

    A chosen hub model that is not here has no ``path`` yet: fetch it, then :func:`require_fetched`. ``entries`` are the
    catalogue's, those that the appliance ships when left out.
    """
    here = list_fetched(models_dir)
    require_named(wish)
    if wish.path is None and wish.hub_id is not None:
        _refuse_damaged(wish.hub_id, wish.revision or DEFAULT_REVISION, models_dir=models_dir, here=here)
    checkpoint = inspect_checkpoint(wish.path) if wish.path is not None else None
    choice = choose_model(
        wish, machine, checkpoint=checkpoint, fetched=frozenset(fetched.reference for fetched in here)
    )
    if choice.spec is None:
        return choice
    if choice.spec.source != "hub":
        assert checkpoint is not None, "what lies in a directory was inspected"
        return Choice(_finish(choice.spec, checkpoint, wish, machine, entries), choice.reason)
    folder = _find_folder(choice.spec, here)
    if folder is None:
        return choice
    checkpoint = inspect_checkpoint(folder)
    require_purpose(checkpoint, wish.purpose)
    require_device(checkpoint, choice.spec.device)
    return Choice(_finish(with_checkpoint(choice.spec, checkpoint), checkpoint, wish, machine, entries), choice.reason)


def require_fetched(spec: ModelSpec, *, models_dir: Path, entries: Iterable[Entry] | None = None) -> ModelSpec:
    """The hub model with the path and the facts of its files. Raises NotFetchedError or CheckpointError."""
    here = list_fetched(models_dir)
    if spec.hub_id is not None and spec.revision is not None:
        _refuse_damaged(spec.hub_id, spec.revision, models_dir=models_dir, here=here)
    folder = _find_folder(spec, here)
    if folder is None:
        raise NotFetchedError(f"{spec.hub_id} at {spec.revision} is not in {models_dir}: fetch it first.")
    return _settle(with_checkpoint(spec, inspect_checkpoint(folder)), entries)


def _finish(
    spec: ModelSpec, checkpoint: Checkpoint, wish: ModelWish, machine: MachineFacts, entries: Iterable[Entry] | None
) -> ModelSpec:
    """What is loaded beside the model takes memory too, and is known by now."""
    spec = _settle(spec, entries, section=wish.section)
    require_memory(checkpoint, wish, machine, spec.device, draft_bytes=spec.draft_bytes)
    return spec


def _settle(spec: ModelSpec, entries: Iterable[Entry] | None, *, section: str = "model") -> ModelSpec:
    """With the parsers of the model that it is, or was made from, and with what is loaded beside it."""
    assert spec.path is not None, "it is here"
    known = load_catalogue().models if entries is None else tuple(entries)
    spec = with_parsers(spec, find_entry(spec.hub_id or find_hub_id(spec.path), known))
    return with_companions(spec, known, section=section)


def _find_folder(spec: ModelSpec, here: list[Fetched]) -> Path | None:
    wanted = f"{spec.hub_id}@{spec.revision}"
    return next((fetched.path for fetched in here if fetched.reference == wanted), None)
