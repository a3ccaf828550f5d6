"""A model in a tar or zip archive: members are read one after the other and never extracted by the library.

Only plain files with declared sizes; links, devices, sparse and encrypted members are refused, and so is a header that
would need much memory.
"""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

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

HEADER_BYTES = 1024 * 1024  # with what the library reads ahead
DECOMPRESSORS: dict[bytes, Callable[[Path, str], Any]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open,
}  # fmt: skip
ENCRYPTED = 0x1
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, LZMAError, NotImplementedError)


class _Metered:
    """A tar's bytes, decompressed, no more at a time than :attr:`left`: the library reads the extensions of a header
    into memory, however long they say they are, and a small archive can say much."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream, self.left = path, stream, HEADER_BYTES

    def read(self, size: int) -> bytes:
        if self.left <= 0:
            raise ArchiveUnsafeError(f"{self._path} has a header of over {HEADER_BYTES} bytes; no model needs one.")
        try:
            chunk = self._stream.read(size)
        except (EOFError, zlib.error, LZMAError) as error:
            raise tarfile.ReadError(str(error)) from None
        except OSError as error:
            if error.errno is not None:
                raise
            raise tarfile.ReadError(str(error)) from None  # how gzip and bz2 say that their data is broken
        self.left -= len(chunk)
        return chunk


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
    """The library's own question reads the first header without a bound."""
    try:
        with _open_tar(path) as (archive, _):
            return archive.next() is not None
    except BROKEN:
        return False


@contextmanager
def _open_tar(path: Path) -> Iterator[tuple[tarfile.TarFile, _Metered]]:
    with path.open("rb") as stream:
        head = stream.read(max(map(len, DECOMPRESSORS)))
    opening = next((how for magic, how in DECOMPRESSORS.items() if head.startswith(magic)), open)
    with opening(path, "rb") as stream:
        metered = _Metered(path, stream)
        with tarfile.open(fileobj=cast("Any", metered), mode="r|") as archive:
            yield archive, metered


def _stream_tar(path: Path) -> Iterator[Member]:
    """In one pass, because the only way to list a compressed tar is to read all of it."""
    seen: set[PurePosixPath] = set()
    with _open_tar(path) as (archive, metered):
        for count, header in enumerate(archive):
            refuse_too_many(count, path)
            if not header.isdir():
                name = read_member_name(header.name, path)
                if not header.isreg() or header.issparse():
                    raise ArchiveUnsafeError(f"{path}: {header.name!r} is no plain file: a link, a device or the like.")
                _refuse_repetition(name, seen, path)
                metered.left = HEADER_BYTES + header.size
                yield Member(name, header.size, _tar_opener(archive, header))
            metered.left = HEADER_BYTES


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
