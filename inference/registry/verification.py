"""Whether a model directory is the one that was imported, and may be loaded: asked before every load.

Its form is looked at each time (:mod:`inference.registry.checkpoint`), and that its files are those of the manifest.
The sum of a file is compared when size, times or inode number differ from the record's, or with ``full``.
"""

import hashlib
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inference.registry.adapter import inspect
from inference.registry.manifest import NAME, ManifestError, format_manifest, parse_manifest
from inference.registry.ownership import refuse_loose_files
from inference.registry.place import Place, Record, find_place, forget, read_record, take_trace, write_record
from inference.registry.refusals import (
    ExtraFileError,
    FileChangedError,
    FileMissingError,
    ManifestChangedError,
    ManifestMissingError,
)
from inference.registry.signature import Policy, check_signature
from inference.registry.tree import Files, list_files

CHUNK_BYTES = 4 * 1024 * 1024
See = Callable[[int], None]  # is told how many bytes were read just now


@dataclass(frozen=True)
class Verified:
    """``read_bytes`` were read to compare sums; ``is_new``: the sums were recorded now, there was nothing to compare
    with; ``is_kept``: the next check may rely on this one. ``sums`` are those that the files were found to have, none
    where nothing was summed."""

    path: Path
    manifest_sha256: str
    files: int
    total_bytes: int
    read_bytes: int
    is_new: bool
    is_kept: bool
    sums: Mapping[str, str]


def verify(
    path: Path, *, models_dir: Path, full: bool = False, renew: bool = False, policy: Policy | None = None,
    see: See = lambda _bytes: None,
) -> Verified:  # fmt: skip
    """Raises a :class:`~inference.registry.errors.CheckpointError` for a directory that must not be loaded.

    ``renew`` takes a directory outside of the store as it is now, whatever was recorded or came with it. With
    ``policy`` it has to be signed, which is checked once for a manifest and a key, and with ``full``.
    """
    inspect(path)
    place = find_place(path, models_dir=models_dir)
    files = list_files(path)
    refuse_loose_files(path, models_dir=models_dir)
    files.pop(NAME, None)
    if renew and not place.is_stored:
        forget(place)
    record, fix = read_record(place), _build_fix(path, place)
    text = None if renew and not place.is_stored else _read_manifest(path, place, fix)
    if text is None:
        return _record(path, place, files, policy, see)
    digest = hashlib.sha256(text.encode()).hexdigest()
    if record is not None and record.manifest_sha256 != digest:
        raise ManifestChangedError(place.manifest, "the manifest is not the one that was recorded.", fix)
    sums = _parse(text, place, fix)
    _refuse_other_names(path, sums, files, fix)
    known = {} if full or record is None else record.traces
    stale = [name for name, status in files.items() if known.get(name) != take_trace(status)]
    for name in stale:
        _compare(path / name, files[name], sums[name], fix, see)
    signed_by = record.signed_by if record is not None and not full else None
    if policy is not None and signed_by != policy.read_key_id():
        signed_by = check_signature(path, policy)
    new = Record(digest, {name: take_trace(status) for name, status in files.items()}, signed_by)
    is_kept = record == new or write_record(place, new, manifest=None if place.is_stored else text)
    return _describe(path, digest, files, stale, sums, is_new=False, is_kept=is_kept)


def _build_fix(path: Path, place: Place) -> str:
    """What is to be done about a directory that is not what was recorded of it."""
    if place.is_stored:
        return f"Remove it, then import or fetch it again: bin/appliance models remove {shlex.quote(path.name)}"
    command = f"bin/appliance models verify {shlex.quote(str(path))} --renew"
    return f"If you changed it yourself, say so: {command}. Otherwise copy it again."


def sum_file(path: Path, status: os.stat_result, see: See = lambda _bytes: None) -> str:
    """The SHA-256 of the file that ``status`` is of. Raises FileChangedError when it changes meanwhile."""
    digest = hashlib.sha256()
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW)) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            see(len(chunk))
        after = os.fstat(stream.fileno())
    if take_trace(after) != take_trace(status):
        raise FileChangedError(path, "the file changed while it was read.", "Wait until nobody writes to it.")
    return digest.hexdigest()


def _read_manifest(path: Path, place: Place, fix: str) -> str | None:
    """Of the store, or kept of an earlier check, or brought along; None when nobody has looked at the directory yet."""
    for file in (place.manifest, place.brought):
        if file is not None and file.exists():
            return file.read_text(encoding="utf-8", errors="replace")
    if place.is_stored:
        raise ManifestMissingError(path, f"it lies in the store without a {NAME}, so it was not imported.", fix)
    return None


def _parse(text: str, place: Place, fix: str) -> dict[str, str]:
    try:
        return parse_manifest(text)
    except ManifestError as error:
        raise ManifestMissingError(place.manifest, f"it cannot be read ({error})", fix) from None


def _refuse_other_names(path: Path, sums: dict[str, str], files: Files, fix: str) -> None:
    for name in sums:
        if name not in files:
            raise FileMissingError(path / name, "the manifest names the file, and it is not there.", fix)
    for name in files:
        if name not in sums:
            raise ExtraFileError(path / name, "the manifest does not name the file.", f"Remove the file. {fix}")


def _compare(path: Path, status: os.stat_result, expected: str, fix: str, see: See) -> None:
    if (found := sum_file(path, status, see)) != expected:
        raise FileChangedError(
            path, f"the file is not the one that was recorded (SHA-256 {found[:12]}, expected {expected[:12]}).",
            fix,
        )  # fmt: skip


def _record(path: Path, place: Place, files: Files, policy: Policy | None, see: See) -> Verified:
    """The first look at a directory outside of the store: nothing is summed where nothing could be kept."""
    signed_by = check_signature(path, policy) if policy is not None else None
    if not write_record(place, Record("", {})):
        return _describe(path, "", files, [], {}, is_new=True, is_kept=False)
    forget(place)
    sums = {name: sum_file(path / name, status, see) for name, status in files.items()}
    text = format_manifest(sums)
    digest = hashlib.sha256(text.encode()).hexdigest()
    record = Record(digest, {name: take_trace(status) for name, status in files.items()}, signed_by)
    is_kept = write_record(place, record, manifest=text)
    return _describe(path, digest, files, list(files), sums, is_new=True, is_kept=is_kept)


def _describe(
    path: Path, digest: str, files: Files, read: list[str], sums: Mapping[str, str], *, is_new: bool, is_kept: bool
) -> Verified:  # fmt: skip
    return Verified(
        path, digest, len(files), sum(status.st_size for status in files.values()),
        sum(files[name].st_size for name in read), is_new, is_kept, sums,
    )  # fmt: skip
