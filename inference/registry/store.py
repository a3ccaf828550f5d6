"""The models on this machine: ``<data_dir>/model/<folder>``, each with a marker of its origin and a manifest.

``<owner>--<name>@<revision>`` came from a hub or says that it did; ``<name>@<twelve digits of its sums>`` was imported
under a name of its own. What begins with a dot is unfinished, or on its way out.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from appliance.settings.files import open_kept, remove_tree, rename
from inference.registry.errors import ModelError
from inference.registry.expected import Expected
from inference.registry.fetched import build_lost_marker
from inference.registry.manifest import NAME as MANIFEST
from inference.registry.manifest import format_manifest
from inference.registry.origin import FETCHED, IMPORTED
from inference.registry.place import Record, find_place, forget, take_trace, write_record
from inference.registry.tree import list_files
from inference.registry.verification import See, Verified, sum_file

MARKER_VERSION = 1
LOCK = ".lock"
UNFINISHED = (".importing-", ".removing-")
DIGEST_CHARACTERS = 12
BLOCK_BYTES = 512


class NotStoredError(ModelError):
    """No model of that name is in the store: `bin/appliance models verify` lists them."""


class StoreBusyError(ModelError):
    """Somebody else is importing or removing a model: wait until it has finished."""


@dataclass(frozen=True)
class Stored:
    """``name`` is a hub id, or the name it was imported under; ``commit`` is known where a hub named it."""

    name: str
    revision: str
    commit: str | None
    folder: Path
    is_from_hub: bool

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.revision}"

    @property
    def served_name(self) -> str:
        return self.name.rsplit("/", 1)[-1]


def list_stored(models_dir: Path) -> list[Stored]:
    """Complete models only, by name."""
    folders = sorted(models_dir.glob("*@*")) if models_dir.is_dir() else []
    found = (find_marked(folder) for folder in folders if not folder.name.startswith("."))
    return [stored for stored in found if stored is not None]


def list_unmarked(models_dir: Path) -> list[Stored]:
    """Folders that an import or a fetch made and whose marker is lost or damaged, called as they are: to be refused by
    name, and removed."""
    folders = sorted(models_dir.glob("*@*")) if models_dir.is_dir() else []
    mine = (folder for folder in folders if not folder.name.startswith(".") and not folder.is_symlink())
    return [_read_name(folder) for folder in mine if folder.is_dir() and find_marked(folder) is None]


def _read_name(folder: Path) -> Stored:
    name, _, revision = folder.name.partition("@")
    return Stored(name, revision, None, folder, is_from_hub=False)


def refuse_unmarked(folder: Path) -> None:
    """Raises MarkerMissingError for a folder of the store that is there without saying what it is."""
    if os.path.lexists(folder) and find_marked(folder) is None:
        raise build_lost_marker(folder)


def find_marked(folder: Path) -> Stored | None:
    """What the marker in ``folder`` says; None where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        if (folder / FETCHED).is_file():
            raw = _read(folder / FETCHED)
            return Stored(str(raw["hub_id"]), str(raw["revision"]), raw["commit"], folder, is_from_hub=True)
        raw = _read(folder / IMPORTED)
        return Stored(str(raw["name"]), str(raw["revision"]), None, folder, is_from_hub=False)
    return None


def get_stored(models_dir: Path, wanted: str) -> Stored:
    """By reference, by name where only one revision is here, or by folder. Raises NotStoredError."""
    here = list_stored(models_dir)
    found = [it for it in here if wanted in (it.reference, it.folder.name)] or [it for it in here if it.name == wanted]
    if len(found) == 1:
        return found[0]
    names = ", ".join(it.reference for it in (found or here)) or "none"
    if found:
        raise NotStoredError(f"{wanted} is here in {len(found)} revisions. Say which: {names}.")
    damaged = ", ".join(it.reference for it in list_unmarked(models_dir))
    rest = f" Folders whose marker is lost or damaged, which can be removed: {damaged}." if damaged else ""
    raise NotStoredError(f"{wanted} is not among the models that were imported or fetched: {names}.{rest}")


def get_removable(models_dir: Path, wanted: str) -> Stored:
    """:func:`get_stored`, or a folder that nothing else is to be done with, by its name. Raises NotStoredError."""
    damaged = [it for it in list_unmarked(models_dir) if wanted == it.folder.name]
    return damaged[0] if damaged else get_stored(models_dir, wanted)


def refuse_other_than_expected(verified: Verified, find_expected: Callable[[str], Expected | None]) -> None:
    """Whether a verified folder is the hub's model that it says it is. Raises PinnedOtherwiseError.

    A folder that names no hub, or a commit of which nothing is known, passes. Compared are the sums of the check: a
    manifest that lies in a folder outside of the store may say anything.
    """
    stored = find_marked(verified.path)
    expected = find_expected(stored.name) if stored is not None and stored.is_from_hub else None
    if stored is None or expected is None or not expected.covers(stored.commit):
        return
    sums = verified.sums or {
        name: sum_file(verified.path / name, status) for name, status in list_files(verified.path).items()
    }
    expected.refuse_sums(sums)


def build_revision(sums: Mapping[str, str]) -> str:
    """What tells an imported model from another of the same name: the sum of its sums, shortened."""
    return hashlib.sha256(format_manifest(sums).encode()).hexdigest()[:DIGEST_CHARACTERS]


def write_imported(folder: Path, *, name: str, revision: str, kind: str) -> None:
    """The marker of a model that has a name of its own here, in the draft of its folder."""
    marker = {
        "schema_version": MARKER_VERSION, "name": name, "revision": revision, "kind": kind,
        "imported_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    (folder / IMPORTED).write_text(json.dumps(marker), encoding="utf-8")


def seal(folder: Path, *, known: Mapping[str, str] | None = None, see: See = lambda _bytes: None) -> Record:
    """Write the manifest of a finished model, last. ``known`` are sums that were taken while its files were written."""
    files, known = list_files(folder), known or {}
    files.pop(MANIFEST, None)
    sums = {name: known.get(name) or sum_file(folder / name, status, see) for name, status in files.items()}
    text = format_manifest(sums)
    with (folder / MANIFEST).open("x", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fchmod(stream.fileno(), 0o644)
        os.fsync(stream.fileno())
    traces = {name: take_trace(status) for name, status in files.items()}
    return Record(hashlib.sha256(text.encode()).hexdigest(), traces)


def keep_record(folder: Path, record: Record, *, models_dir: Path) -> None:
    write_record(find_place(folder, models_dir=models_dir), record)


def remove(stored: Stored, *, models_dir: Path) -> int:
    """Take the model out of the store, at once as others see it; the bytes that came free. Hold the lock."""
    freed = sum(file.lstat().st_blocks * BLOCK_BYTES for file in stored.folder.rglob("*"))
    forget(find_place(stored.folder, models_dir=models_dir))
    leaving = models_dir / f".removing-{stored.folder.name}"
    rename(stored.folder, leaving)
    remove_tree(leaving)
    return freed


def remove_unfinished(models_dir: Path) -> list[str]:
    """What a killed import or removal left. Hold the lock."""
    left = [path for path in sorted(models_dir.iterdir()) if path.name.startswith(UNFINISHED)]
    for path in left:
        remove_tree(path)
    return [path.name for path in left]


@contextmanager
def only_one_change(models_dir: Path) -> Iterator[None]:
    """Hold this while importing or removing. Raises StoreBusyError when somebody else does."""
    with hold(models_dir / LOCK, "importing or removing a model"):
        yield


@contextmanager
def hold(lock: Path, doing: str) -> Iterator[int]:
    """The lock's descriptor: a program that inherits it holds the lock too. Raises StoreBusyError."""
    with open_kept(lock, "a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusyError(
                f"Another command is {doing} (process {_read_owner(handle)}). Wait until it has finished, then try "
                "again."
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield handle.fileno()


def _read_owner(handle: IO[str]) -> str:
    handle.seek(0)
    return handle.read().strip() or "not known"


def _read(marker: Path) -> dict[str, Any]:
    return dict(json.loads(marker.read_text(encoding="utf-8")))
