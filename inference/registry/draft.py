"""A model that is being written into the store: invisible until it is whole, gone when that fails.

Everything is opened below the draft's own descriptor and newly made, so that nobody who may write to the folder of
models can send what is written somewhere else, or put something in the place of what becomes the model.
"""

import contextlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from appliance.settings import files
from appliance.settings.files import FILE_FLAGS, FOLDER_FLAGS


def write(descriptor: int, chunk: bytes) -> None:
    """The port through which every byte of a model goes to the disk."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def open_up(model: Path) -> None:
    """Readable by everybody, whatever the umask: the engine may run as another user. Before traces are taken."""
    for folder, _, names in os.walk(model):
        Path(folder).chmod(0o755)
        for name in names:
            (Path(folder) / name).chmod(0o644)


class Draft:
    """Use it with ``with``: what is not published by the end is removed. ``path`` lies in a folder that is held, where
    nobody else can rename it."""

    def __init__(self, models_dir: Path, token: str) -> None:
        self.models_dir, self._place = models_dir, models_dir / f".importing-{token}"
        self._held = ExitStack()
        self.path = self._held.enter_context(files.make_new(self._place, mode=0o755)) / "model"
        self.path.mkdir(mode=0o755)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()
        files.remove_tree(self._place, ignore_errors=True)

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
        """The one moment at which the model appears."""
        files.rename(self.find_model(), target)

    def _open_folder(self, name: PurePosixPath) -> int:
        here = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        for part in name.parts:
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=here)
                below = os.open(part, FOLDER_FLAGS, dir_fd=here)
            finally:
                os.close(here)
            here = below
        return here
