"""What a model is imported from, as a stream of members: a directory, an archive or a hub's cache.

Nothing here writes. A member's ``size`` is what its source declares; whoever copies it holds it to that.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from inference.registry.errors import ModelError
from inference.registry.place import take_trace
from inference.registry.tree import MAX_DEPTH, MAX_FILES, list_files

Kind = Literal["directory", "archive", "hub cache"]
ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


class ImportRefusedError(ModelError):
    """What was named is not imported; nothing was changed."""


class SourceUnknownError(ImportRefusedError):
    """Neither a directory, nor an archive of a known kind, nor a hub's cache."""


class ArchiveUnsafeError(ImportRefusedError):
    """An archive with a member that is no plain file below its own folder, or larger than it says."""


class SourceChangedError(ImportRefusedError):
    """The source changed while it was read."""


@dataclass(frozen=True)
class Member:
    """One file. ``open`` gives its bytes, once."""

    name: PurePosixPath
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True)
class Intake:
    """``total_bytes`` is None where it is known only after everything was read (a compressed tar). The hub's names are
    what a cache's folders say."""

    kind: Kind
    path: Path
    name: str
    members: Iterable[Member]
    total_bytes: int | None
    hub_id: str | None = None
    revision: str | None = None
    commit: str | None = None


def read_directory(path: Path) -> Intake:
    """Raises CheckpointError for links, special files, and files with a second name."""
    files = list_files(path)
    members = [Member(PurePosixPath(name), of.st_size, open_unchanged(path / name, of)) for name, of in files.items()]
    return Intake("directory", path, clean_name(path.name), members, sum(of.st_size for of in files.values()))


def clean_name(text: str) -> str:
    """A name for the store out of a file's name, which :data:`NAME` matches."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")[:96]
    return name or "model"


def strip_suffix(name: str) -> str:
    for suffix in sorted(ARCHIVE_SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def read_member_name(text: str, archive: Path) -> PurePosixPath:
    """Raises ArchiveUnsafeError for a name that leads out of the folder, or that no file should have."""
    path = PurePosixPath(text)
    odd = "\\" in text or not text.isprintable() or path.is_absolute() or ".." in path.parts or not path.parts
    if odd or len(path.parts) > MAX_DEPTH or any(len(os.fsencode(part)) > 255 for part in path.parts):
        raise ArchiveUnsafeError(f"{archive}: the member {text!r} would leave the model's folder, or its name is odd.")
    return path


def refuse_too_many(count: int, archive: Path) -> None:
    if count > MAX_FILES:
        raise ArchiveUnsafeError(f"{archive} holds more than {MAX_FILES} files, which no model has.")


def open_unchanged(path: Path, status: os.stat_result) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW)) as stream:
            _refuse_changed(path, stream, status)  # before a byte of another file is passed on
            yield stream
            _refuse_changed(path, stream, status)

    return opened


def _refuse_changed(path: Path, stream: IO[bytes], status: os.stat_result) -> None:
    if take_trace(os.fstat(stream.fileno())) != take_trace(status):
        raise SourceChangedError(f"{path} changed while it was read. Wait until nobody writes to it.")
