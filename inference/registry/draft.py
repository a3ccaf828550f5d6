"""A model that is being written into the store: invisible until it is whole, gone when that fails.

Everything is opened below the draft's own descriptor and newly made, so that nobody who may write to the folder of
models can send what is written somewhere else.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Self

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def write(descriptor: int, chunk: bytes) -> None:
    """The port through which every byte of a model goes to the disk."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def create_anew(file: Path, *, mode: int = 0o644) -> IO[bytes]:
    """A new file in the place of whatever has its name: where a link there leads to, nothing is written."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, FILE_FLAGS, mode)
    os.fchmod(descriptor, mode)  # whatever the umask
    return os.fdopen(descriptor, "wb")


def write_whole(file: Path, text: str) -> None:
    """Readable by everybody; the old file stays until the new one is whole. No name that can be foreseen is written to:
    the folder may be the engine's user's, and this process root's."""
    draft = file.with_name(f".{file.name}.{uuid.uuid4().hex[:12]}")
    try:
        with create_anew(draft) as stream:
            stream.write(text.encode("utf-8"))
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def open_up(model: Path) -> None:
    """Readable by everybody, whatever the umask: the engine may run as another user. Before traces are taken."""
    for folder, _, files in os.walk(model):
        Path(folder).chmod(0o755)
        for name in files:
            (Path(folder) / name).chmod(0o644)


def publish(model: Path, target: Path) -> None:
    """The one moment at which the model appears."""
    model.rename(target)
    folder = os.open(target.parent, FOLDER_FLAGS)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Draft:
    """Use it with ``with``: what is not published by the end is removed."""

    def __init__(self, models_dir: Path, token: str) -> None:
        self.models_dir, self.path = models_dir, models_dir / f".importing-{token}"
        self.path.mkdir(mode=0o755)
        self._root = os.open(self.path, FOLDER_FLAGS)
        self._is_published = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._root)
        if not self._is_published or self.path.exists():
            shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def create(self, name: PurePosixPath) -> Iterator[int]:
        """A new file's descriptor; on the disk for good at the end of the block."""
        folder = self._open_folder(name.parent)
        try:
            descriptor = os.open(name.name, FILE_FLAGS, 0o644, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            yield descriptor
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def find_model(self) -> Path:
        """Where the files lie: archives often hold one folder with the model in it."""
        entries = list(self.path.iterdir())
        if len(entries) == 1 and entries[0].is_dir():
            return entries[0]
        return self.path

    def publish(self, target: Path) -> None:
        publish(self.find_model(), target)
        self._is_published = True

    def _open_folder(self, name: PurePosixPath) -> int:
        here = os.dup(self._root)
        for part in name.parts:
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=here)
                below = os.open(part, FOLDER_FLAGS, dir_fd=here)
            finally:
                os.close(here)
            here = below
        return here
