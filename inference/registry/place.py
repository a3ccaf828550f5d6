"""Where a model's manifest lies, and the record of what its files looked like when their sums were compared.

A model in the store has its manifest beside its files. One that is served where somebody put it is never written to:
its manifest is kept below the data directory. The record says nothing about contents: size, times and inode number of
each file, by which a later start sees that a file is still the one whose sum was compared.
"""

import contextlib
import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from appliance.settings.files import UnsafePathError, make_new, remove_file, write_whole
from inference.registry.manifest import NAME

FOLDER = "verified"
STORED = (
    "@"  # in the name of every folder that an import or a fetch made; a host's installation puts others beside them
)
SCHEMA_VERSION = 1
Trace = tuple[int, int, int, int]


@dataclass(frozen=True)
class Record:
    """``manifest_sha256``: of the manifest that the traces belong to; ``signed_by``: the sum of the public key that its
    files' signature was found to hold for."""

    manifest_sha256: str
    traces: dict[str, Trace]
    signed_by: str | None = None


@dataclass(frozen=True)
class Place:
    """Of one model directory. ``brought``: the manifest that came with a directory outside of the store."""

    manifest: Path
    record: Path
    brought: Path | None

    @property
    def is_stored(self) -> bool:
        return self.brought is None

    @property
    def comparison(self) -> Path:
        """What was measured of the model; a sealed directory takes no further file."""
        return self.record.with_suffix(".comparison.json")


def find_place(path: Path, *, models_dir: Path) -> Place:
    resolved, kept = path.resolve(), models_dir / FOLDER
    key = f"{resolved.name}-{hashlib.sha256(os.fsencode(resolved)).hexdigest()[:16]}"
    if resolved.parent == models_dir.resolve() and STORED in resolved.name:
        return Place(resolved / NAME, kept / f"{key}.json", None)
    return Place(kept / f"{key}.{NAME}", kept / f"{key}.json", resolved / NAME)


def take_trace(status: os.stat_result) -> Trace:
    """The change time too: it is the kernel's, and cannot be set back."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def read_record(place: Place) -> Record | None:
    """None where there is none, or none that can be read: then every file is read again."""
    try:
        stored = json.loads(place.record.read_text(encoding="utf-8"))
        if stored["schema_version"] != SCHEMA_VERSION:
            return None
        traces = {str(name): _as_trace(numbers) for name, numbers in stored["files"].items()}
        return Record(str(stored["manifest_sha256"]), traces, stored["signed_by"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def write_record(place: Place, record: Record, *, manifest: str | None = None) -> bool:
    """Keep the record, and first ``manifest`` where it lies apart; false where this process may not write."""
    document = {
        "schema_version": SCHEMA_VERSION, "manifest_sha256": record.manifest_sha256, "signed_by": record.signed_by,
        "files": record.traces,
    }  # fmt: skip
    if manifest is not None and not write_beside(place, place.manifest, manifest):
        return False
    return write_beside(place, place.record, json.dumps(document, indent=1) + "\n")


def write_beside(place: Place, file: Path, text: str) -> bool:
    """A file in the folder of records; false where this process may not write."""
    folder = place.record.parent
    try:
        with contextlib.suppress(FileExistsError), make_new(folder, mode=0o755) as made:
            made.chmod(0o755)  # whatever the umask
        if not stat.S_ISDIR(folder.lstat().st_mode):  # a link least of all
            return False
        write_whole(file, text)
    except (OSError, UnsafePathError):
        return False
    return True


def forget(place: Place) -> None:
    """No record, no comparison and, for a directory outside of the store, no manifest: the next check starts afresh."""
    remove_file(place.record)
    remove_file(place.comparison)
    if not place.is_stored:
        remove_file(place.manifest)


def _as_trace(numbers: list[int]) -> Trace:
    size, modified, changed, inode = (int(number) for number in numbers)
    return size, modified, changed, inode
