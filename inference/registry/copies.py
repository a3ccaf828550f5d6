"""Copies of models on a disk here, read for what can be pinned of them: a directory or a hub client's cache."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.registry.errors import CheckpointMissingError
from inference.registry.expected import COMMIT
from inference.registry.hub_cache import FOLDER, find_cache, read_hub_cache
from inference.registry.intake import ImportRefusedError, Member, read_directory
from inference.registry.store import find_marked
from inference.registry.verification import CHUNK_BYTES, See
from inference.registry.weights import list_loaded, measure_weights


@dataclass(frozen=True)
class Copy:
    """``hub_id`` and ``commit`` are what the copy itself says, None where it says nothing."""

    path: Path
    hub_id: str | None
    commit: str | None
    bytes_on_disk: int
    sha256: dict[str, str]


def find_copies(folder: Path) -> Iterator[tuple[str, Path]]:
    """Hub id and place of each copy in ``folder`` that says which model it is: a hub client's cache of several models,
    or the store of an appliance. ``folder`` may be one itself."""
    for path in (folder, *sorted(each for each in folder.iterdir() if each.is_dir() and each.name[0] != ".")):
        if (hub_id := read_hub_id(path)) is not None:
            yield hub_id, path


def read_hub_id(path: Path) -> str | None:
    if (cache := find_cache(path)) is not None and (match := FOLDER.fullmatch(cache.name)):
        return f"{match['owner']}/{match['name']}"
    stored = find_marked(path)
    return stored.name if stored is not None and stored.is_from_hub else None


def measure_copy(path: Path, *, revision: str | None, see: See = lambda _bytes: None) -> Copy:
    """Read every weights file. ``revision``: a branch, tag or commit in a hub's cache, else the copy's commit.

    Raises CheckpointError for weights that are incomplete, ImportRefusedError for what is no copy of a model.
    """
    if not path.is_dir():
        fix = "Import an archive first: bin/appliance models import." if path.is_file() else "Correct the path."
        raise CheckpointMissingError(path, "this is no directory.", fix)
    path = path.resolve()
    if (cache := find_cache(path)) is not None:
        intake = read_hub_cache(path, revision=revision)
        root, commit = cache / "snapshots" / str(intake.commit), intake.commit
    else:
        intake, root, commit = read_directory(path), path, _read_commit(path, revision)
    members = {str(member.name): member for member in intake.members}
    size = measure_weights(root, {name: (root / name).stat() for name in members})
    sums = {name: _sum(members[name], see) for name in list_loaded(members)}
    return Copy(path, read_hub_id(path), commit, size, sums)


def _read_commit(path: Path, revision: str | None) -> str | None:
    stored = find_marked(path)
    known = stored.commit if stored is not None and stored.commit and COMMIT.fullmatch(stored.commit) else None
    if revision is None:
        return known
    if not COMMIT.fullmatch(revision):
        raise ImportRefusedError(
            f"{path} does not say which commit {revision!r} is: name the commit, forty digits, or leave --revision out."
        )
    if known is not None and known != revision:
        raise ImportRefusedError(f"{path} was fetched as the commit {known}, not {revision}.")
    return revision


def _sum(member: Member, see: See) -> str:
    digest = hashlib.sha256()
    with member.open() as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            see(len(chunk))
    return digest.hexdigest()
