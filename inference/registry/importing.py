"""Import a model: copy it into the store under a draft name, look at it, write its manifest, and only then name it.

A full disk, a kill or a refusal leaves the store as it was; what a kill left is removed by the next import.
"""

import errno
import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from appliance.settings.hub_id import refuse_other_than_hub_id
from inference.registry import draft as port
from inference.registry.adapter import inspect
from inference.registry.archive import BROKEN, read_archive
from inference.registry.contents import refuse_name
from inference.registry.draft import Draft
from inference.registry.errors import CheckpointError, CheckpointMissingError
from inference.registry.expected import Expected
from inference.registry.fetched import MARKERS, build_folder, write_marker
from inference.registry.hub_cache import MAIN, find_cache, read_hub_cache
from inference.registry.intake import (
    NAME,
    ArchiveUnsafeError,
    ImportRefusedError,
    Intake,
    Member,
    SourceUnknownError,
    read_directory,
)
from inference.registry.manifest import NAME as MANIFEST
from inference.registry.manifest import ManifestError, find_problems, parse_manifest
from inference.registry.refusals import FileChangedError
from inference.registry.signature import Policy, check_signature
from inference.registry.store import (
    Stored,
    build_revision,
    find_marked,
    keep_record,
    only_one_change,
    refuse_unmarked,
    remove_unfinished,
    seal,
    write_imported,
)
from inference.registry.verification import CHUNK_BYTES, verify

GIB = 1024**3
SPARE_BYTES = GIB  # for the rest of the appliance to go on
FindExpected = Callable[[str], Expected | None]  # what is known of the files of a hub id


class SpaceMissingError(ImportRefusedError):
    """The disk is too small for the model, or was filled meanwhile."""


class RevisionMovedError(ImportRefusedError):
    """The same name and revision are in the store with other files."""


class StoredChangedError(ImportRefusedError):
    """What was to be imported is in the store, where it may not be loaded any more."""


class Progress(Protocol):
    """Is told what is going on; a total is None until it is known."""

    def begin(self, words: str, total_bytes: int | None) -> None: ...
    def advance(self, done_bytes: int) -> None: ...


@dataclass(frozen=True)
class Names:
    """What the operator says about a model that does not say it itself."""

    name: str | None = None
    hub_id: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class Imported:
    """``was_there``: exactly these files were in the store under this name already."""

    stored: Stored
    files: int
    total_bytes: int
    was_there: bool
    cleared: tuple[str, ...]


def open_intake(path: Path, *, revision: str | None = None) -> Intake:
    """Raises CheckpointError or ImportRefusedError for what cannot be imported."""
    if not path.exists():
        raise CheckpointMissingError(path, "there is no such directory or archive.", "Correct the path.")
    path = path.resolve()
    if path.is_dir():
        return read_hub_cache(path, revision=revision) if find_cache(path) else read_directory(path)
    if not path.is_file():
        raise SourceUnknownError(f"{path} is neither a directory nor an archive.")
    return read_archive(path)


def import_model(
    path: Path, *, models_dir: Path, names: Names, progress: Progress, policy: Policy | None = None,
    find_expected: FindExpected = lambda _hub_id: None,
) -> Imported:  # fmt: skip
    """Raises CheckpointError or ImportRefusedError with the reason, StoreBusyError while another import goes on, and
    PinnedOtherwiseError for a copy of a hub's model with other files than are known of it."""
    refuse_odd_names(names)
    with only_one_change(models_dir):
        cleared = tuple(remove_unfinished(models_dir))
        intake = open_intake(path, revision=names.revision)
        refuse_odd_names(Names(hub_id=_identify(intake, names)[0]))  # of a cache, whose folder anybody may name
        if names.revision is not None and names.hub_id is None and intake.hub_id is None:
            raise ImportRefusedError(f"--revision is one of a hub: say which model {path} is a copy of with --hub-id.")
        if intake.total_bytes is not None:
            require_room(intake.total_bytes, models_dir)
        progress.begin(f"Importing {names.name or intake.name}", intake.total_bytes)
        try:
            with Draft(models_dir, uuid.uuid4().hex[:12]) as draft:
                sums = _copy(intake, draft, progress)
                return _publish(intake, draft, sums, names, models_dir, cleared, policy, find_expected, progress)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise SpaceMissingError(
                    f"{models_dir} is full: {path} was not imported. Free some space first."
                ) from None
            raise


def refuse_odd_names(names: Names) -> None:
    if names.hub_id is not None:
        try:
            refuse_other_than_hub_id(names.hub_id)
        except ValueError as error:
            raise ImportRefusedError(str(error)) from None
    for part in (names.name, names.revision):
        if part is not None and not NAME.fullmatch(part):
            raise ImportRefusedError(f"{part!r} is no name: letters, digits, dots, dashes and underscores, at most 96.")


def require_room(needed_bytes: int, models_dir: Path) -> None:
    free = shutil.disk_usage(models_dir).free
    if needed_bytes > free - SPARE_BYTES:
        raise SpaceMissingError(
            f"The model has {needed_bytes / GIB:.1f} GiB and {free / GIB:.1f} GiB are free in {models_dir}, of which "
            f"{SPARE_BYTES // GIB} GiB stay free. Free some space, such as with bin/appliance models remove."
        )


def _copy(intake: Intake, draft: Draft, progress: Progress) -> dict[PurePosixPath, str]:
    """The sum of each file as it was read. Members that no model may have are refused before they are copied."""
    sums: dict[PurePosixPath, str] = {}
    room = max(shutil.disk_usage(draft.models_dir).free - SPARE_BYTES, 0)
    declared = 0
    for member in _take(intake):
        refuse_name(str(member.name), intake.path / member.name)
        declared += member.size
        if declared > room:
            require_room(declared, draft.models_dir)
        sums[member.name] = _copy_member(member, intake, draft, progress)
    if not sums:
        raise ImportRefusedError(f"{intake.path} holds no files.")
    return sums


def _take(intake: Intake) -> Iterator[Member]:
    """All names first, where the source can be listed without reading it."""
    if isinstance(intake.members, list):
        for member in intake.members:
            refuse_name(str(member.name), intake.path / member.name)
    try:
        yield from intake.members
    except BROKEN as error:
        raise ArchiveUnsafeError(f"{intake.path} is damaged ({error}). Copy it here again.") from None


def _copy_member(member: Member, intake: Intake, draft: Draft, progress: Progress) -> str:
    digest, done = hashlib.sha256(), 0
    try:
        with draft.create(member.name) as descriptor, member.open() as stream:
            while chunk := stream.read(CHUNK_BYTES):
                done += len(chunk)
                if done > member.size:
                    raise ArchiveUnsafeError(f"{intake.path}: {str(member.name)!r} is larger than it says.")
                digest.update(chunk)
                port.write(descriptor, chunk)
                progress.advance(len(chunk))
    except BROKEN as error:
        raise ArchiveUnsafeError(f"{intake.path} is damaged ({error}). Copy it here again.") from None
    except (FileExistsError, NotADirectoryError):
        raise ArchiveUnsafeError(f"{intake.path}: {str(member.name)!r} is a file and a folder at once.") from None
    if done != member.size:
        raise ArchiveUnsafeError(f"{intake.path}: {str(member.name)!r} ends after {done} of {member.size} bytes.")
    return digest.hexdigest()


def _publish(
    intake: Intake,
    draft: Draft,
    copied: dict[PurePosixPath, str],
    names: Names,
    models_dir: Path,
    left: tuple[str, ...],
    policy: Policy | None,
    find_expected: FindExpected,
    progress: Progress,
) -> Imported:
    model = draft.find_model()
    sums = {path.relative_to(model.relative_to(draft.path)).as_posix(): of for path, of in copied.items()}
    try:
        inspect(model)
        signed_by = check_signature(model, policy) if policy is not None else None
    except CheckpointError as error:  # in the words of who named the source
        where = intake.path / error.path.relative_to(draft.path) if draft.path in error.path.parents else intake.path
        raise type(error)(where, error.problem, error.fix) from None
    brought = sums.pop(MANIFEST, None)
    for marker in MARKERS:
        if sums.pop(marker, None):
            (model / marker).unlink()
    if brought:
        _compare_with_what_it_came_with(model / MANIFEST, sums, intake.path)
        (model / MANIFEST).unlink()
    _refuse_other_than_pinned(intake, names, sums, find_expected)
    target = _mark(model, intake, names, sums, models_dir)
    total = sum((model / name).stat().st_size for name in sums)
    refuse_unmarked(target)
    if (there := find_marked(target)) is not None:
        progress.begin(f"Checking {there.reference}, which is here", total)
        _refuse_changed(there, models_dir, policy, progress)
        if _read_sums(target) != sums:
            raise RevisionMovedError(
                f"{there.reference} is in the store with other files: the revision moved. Import it under another "
                f"--revision, such as its commit, or remove it first: bin/appliance models remove {there.reference}"
            )
        return Imported(there, len(sums), total, was_there=True, cleared=left)
    port.open_up(draft.path)
    record = seal(model, known=sums)
    draft.publish(target)
    keep_record(target, replace(record, signed_by=signed_by), models_dir=models_dir)
    stored = find_marked(target)
    assert stored is not None, "it was marked just now"
    return Imported(stored, len(sums), total, was_there=False, cleared=left)


def _refuse_changed(there: Stored, models_dir: Path, policy: Policy | None, progress: Progress) -> None:
    """Every byte is read: whoever imports again may do so because the copy is not to be trusted."""
    try:
        verify(there.folder, models_dir=models_dir, full=True, policy=policy, see=progress.advance)
    except CheckpointError as error:
        raise StoredChangedError(
            f"{there.reference} is in the store already, and may not be loaded: {error.path}: {error.problem} Find out "
            f"who changed it, remove it, then import it again: bin/appliance models remove {there.reference}"
        ) from None


def _mark(model: Path, intake: Intake, names: Names, sums: dict[str, str], models_dir: Path) -> Path:
    """Write where it came from into the draft; the folder it gets in the store."""
    digest = build_revision(sums)
    hub_id, revision, commit = _identify(intake, names)
    if hub_id is not None:
        write_marker(model, hub_id=hub_id, revision=revision, commit=commit or digest)
        return build_folder(models_dir, hub_id=hub_id, revision=revision)
    name = names.name or intake.name
    write_imported(model, name=name, revision=digest, kind=intake.kind)
    return models_dir / f"{name}@{digest}"


def _identify(intake: Intake, names: Names) -> tuple[str | None, str, str | None]:
    """Hub id, None for a model under a name of its own; revision; and commit, where the source knows it."""
    hub_id = names.hub_id or (intake.hub_id if names.name is None else None)
    commit = intake.commit if names.hub_id in (None, intake.hub_id) else None
    return hub_id, names.revision or intake.revision or MAIN, commit


def _refuse_other_than_pinned(intake: Intake, names: Names, sums: dict[str, str], find_expected: FindExpected) -> None:
    hub_id, revision, commit = _identify(intake, names)
    expected = find_expected(hub_id) if hub_id is not None else None
    if expected is not None and expected.is_about(revision, commit):
        expected.refuse_commit(revision, commit)
        expected.refuse_sums(sums)


def _read_sums(folder: Path) -> dict[str, str]:
    sums = parse_manifest((folder / MANIFEST).read_text(encoding="utf-8"))
    return {name: of for name, of in sums.items() if name not in MARKERS}


def _compare_with_what_it_came_with(manifest: Path, sums: dict[str, str], source: Path) -> None:
    try:
        expected = parse_manifest(manifest.read_text(encoding="utf-8"))
    except (ManifestError, ValueError) as error:
        raise FileChangedError(source / MANIFEST, f"it cannot be read ({error})", "Copy the model again.") from None
    names = {name: of for name, of in expected.items() if name not in MARKERS}
    if problems := find_problems(names, sums):
        raise FileChangedError(source, " ".join(problems[:3]), "Copy the model again.")
