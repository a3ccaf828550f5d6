"""A model in a tar or zip archive: members are read one after the other and never extracted by the library.

Only plain files with declared sizes; links, devices, sparse and encrypted members are refused, and so is a header that
would need much memory.
"""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, Self

from inference.registry.intake import (
    ArchiveUnsafeError,
    Intake,
    Member,
    SourceUnknownError,
    clean_name,
    read_member_name,
    refuse_too_many,
    strip_suffix,
)

MAX_EXTENDED_HEADER_BYTES = 64 * 1024
EXTENDED = frozenset({
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
})  # fmt: skip
ENCRYPTED = 0x1
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, LZMAError, NotImplementedError)


class _Header(tarfile.TarInfo):
    """A header whose own extensions are bounded: the library reads them into memory, as long as they say they are."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in EXTENDED and header.size > MAX_EXTENDED_HEADER_BYTES:
            raise ArchiveUnsafeError(f"The archive has a header of {header.size} bytes, which no model needs.")
        return header


def read_archive(path: Path) -> Intake:
    """Raises SourceUnknownError or ArchiveUnsafeError; the latter also while its members are taken."""
    name = clean_name(strip_suffix(path.name))
    if _is_tar(path):  # first: a tar whose last member is a zip looks like a zip from its end
        return Intake("archive", path, name, _stream_tar(path), None)
    if not zipfile.is_zipfile(path):
        raise SourceUnknownError(f"{path} is neither a tar nor a zip archive, or it is damaged. Copy it here again.")
    members = list(_list_zip(path))
    return Intake("archive", path, name, members, sum(member.size for member in members))


def _is_tar(path: Path) -> bool:
    """Asked with our own bounds: the library's own question reads the first header, however long it is."""
    try:
        with tarfile.open(path, mode="r|*", tarinfo=_Header) as archive:
            return archive.next() is not None
    except BROKEN:
        return False


def _stream_tar(path: Path) -> Iterator[Member]:
    """In one pass, because the only way to list a compressed tar is to read all of it."""
    seen: set[PurePosixPath] = set()
    with tarfile.open(path, mode="r|*", tarinfo=_Header) as archive:
        for count, header in enumerate(archive):
            refuse_too_many(count, path)
            if header.isdir():
                continue
            name = read_member_name(header.name, path)
            if not header.isreg() or header.issparse():
                raise ArchiveUnsafeError(f"{path}: {header.name!r} is no plain file but a link, a device or the like.")
            _refuse_repetition(name, seen, path)
            yield Member(name, header.size, _tar_opener(archive, header))


def _tar_opener(archive: tarfile.TarFile, header: tarfile.TarInfo) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        stream = archive.extractfile(header)
        assert stream is not None, "a plain file has contents"
        with stream:
            yield stream

    return opened


def _list_zip(path: Path) -> Iterator[Member]:
    seen: set[PurePosixPath] = set()
    with zipfile.ZipFile(path) as archive:
        refuse_too_many(len(archive.infolist()), path)
        for info in archive.infolist():
            if info.is_dir():
                continue
            name = read_member_name(info.filename, path)
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or info.flag_bits & ENCRYPTED:
                raise ArchiveUnsafeError(
                    f"{path}: {info.filename!r} is no plain file but a link, encrypted or the like."
                )
            _refuse_repetition(name, seen, path)
            yield Member(name, info.file_size, _zip_opener(path, info))


def _zip_opener(path: Path, info: zipfile.ZipInfo) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with zipfile.ZipFile(path) as archive, archive.open(info) as stream:
            yield stream

    return opened


def _refuse_repetition(name: PurePosixPath, seen: set[PurePosixPath], path: Path) -> None:
    if name in seen:
        raise ArchiveUnsafeError(f"{path} holds {str(name)!r} twice.")
    seen.add(name)
