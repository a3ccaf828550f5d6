"""Files in the folders of the user that components run as, written by whoever runs the command, root among them.

That user may lay a link in its folders, or put one in the place of a folder, at any moment: nothing here follows one.
"""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from appliance.local.errors import LocalError
from appliance.local.identity import Identity

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
DRAFT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
APPEND_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
LOCK_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
MODE = 0o600


def put(file: Path, text: str, identity: Identity) -> None:
    """Give ``file`` this content, for ``identity``'s user alone. The old file stays until the new one is whole."""
    draft = f".{file.name}.{uuid.uuid4().hex[:12]}"
    with _opened(file.parent) as folder:
        try:
            _write(os.open(draft, DRAFT_FLAGS, MODE, dir_fd=folder), text, identity)
            os.replace(draft, file.name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)


def append(file: Path, text: str, identity: Identity) -> None:
    """Add to the end of ``file``, which is made when it is not there."""
    with _opened(file.parent) as folder, _naming(file):
        _write(os.open(file.name, APPEND_FLAGS, MODE, dir_fd=folder), text, identity)


def open_lock(file: Path) -> IO[str]:
    """A file to be locked, as it is; made when it is not there."""
    with _naming(file):
        return os.fdopen(os.open(file, LOCK_FLAGS, 0o644), "a+", encoding="utf-8")


def _write(descriptor: int, text: str, identity: Identity) -> None:
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        if identity.prefix:
            os.fchown(stream.fileno(), identity.uid, identity.gid)
        stream.write(text)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    with _naming(folder):
        descriptor = os.open(folder, FOLDER_FLAGS)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """A link, or something that is no folder, in the place of ``path`` is refused by name."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise LocalError(
                f"{path} is not the appliance's own: a link or something else is in its place, and nothing is written "
                "there. See where it leads to, remove it, and try again."
            ) from error
        raise
