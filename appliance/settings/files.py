"""Files in folders that somebody with fewer rights may change: no link there leads what root does anywhere else.

Root looks at each part of a path by itself and refuses links on the way; settings name no path with one in it. What it
works in is then held open, so that nothing can be put in its place. A new file gets a name that nobody foresees, and
takes the place of the old one when it is whole, whatever the old one was. Anybody else's links are their own affair.

It lies beside the settings because the appliance and its models' programs have nothing else in common.
"""

import contextlib
import os
import secrets as randomness
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from appliance.settings.errors import SettingsError

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
PASSED_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
Owner = tuple[int, int]
KeptMode = Literal["r", "r+", "a", "a+"]
KEPT_FLAGS: dict[KeptMode, int] = {
    "r": os.O_RDONLY, "r+": os.O_RDWR, "a": os.O_WRONLY | os.O_APPEND | os.O_CREAT,
    "a+": os.O_RDWR | os.O_APPEND | os.O_CREAT,
}  # fmt: skip


class UnsafePathError(SettingsError):
    """Somebody with fewer rights could lead this command elsewhere; nothing was done there."""


def is_root() -> bool:
    """Whose rights others could make use of; everybody else may only do what is his own affair."""
    return os.geteuid() == 0


def hold_path(descriptor: int) -> Path:
    """A held folder by a path that leads to it whatever becomes of its name, for this process and those it starts."""
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")


@contextmanager
def open_folder(path: Path, *, make: int | None = None) -> Iterator[int]:
    """The folder's descriptor for as long as the block lasts; with ``make``, folders that are missing are made with
    that mode. Raises UnsafePathError."""
    descriptor = _walk(path.absolute(), make)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make_folder(path: Path, *, mode: int, owner: Owner | None = None) -> os.stat_result:
    """Make it where it is missing, and give it to ``owner`` if root made it; what it is then."""
    with open_folder(path, make=mode) as folder:
        if owner is not None and is_root() and os.fstat(folder).st_uid == 0:
            os.fchown(folder, *owner)
        return os.fstat(folder)


@contextmanager
def make_new(path: Path, *, mode: int) -> Iterator[Path]:
    """Make a folder that nobody else has put anything in, and hold it: by this path it is the same whatever becomes of
    its name. It stays. Raises UnsafePathError, FileExistsError."""
    with open_folder(path.parent) as parent:
        os.mkdir(path.name, mode, dir_fd=parent)
        folder = _enter(parent, path.name, path, FOLDER_FLAGS, None)
    try:
        if os.fstat(folder).st_uid != os.geteuid() or any(hold_path(folder).iterdir()):
            raise UnsafePathError(
                f"{path} was replaced as soon as it was made, by somebody who may change {path.parent}. It is not "
                "used. Find out who did that, and run the command again."
            )
        yield hold_path(folder)
    finally:
        os.close(folder)


def create_anew(path: Path, *, mode: int = 0o644) -> IO[bytes]:
    """A new file in the place of whatever has its name: where a link there leads to, nothing is written."""
    with open_folder(path.parent) as folder:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path.name, dir_fd=folder)
        descriptor = os.open(path.name, FILE_FLAGS, mode, dir_fd=folder)
    os.fchmod(descriptor, mode)  # whatever the umask
    return os.fdopen(descriptor, "wb")


def write_whole(path: Path, text: str, *, mode: int = 0o644, owner: Owner | None = None) -> None:
    """The old file stays until the new one is whole. Readable by everybody, unless ``mode`` says otherwise; root makes
    it ``owner``'s."""
    draft = f".{path.name}.{randomness.token_hex(8)}"
    with open_folder(path.parent) as folder:
        descriptor = os.open(draft, FILE_FLAGS, 0o600, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(text.encode("utf-8"))
                os.fchmod(descriptor, mode)
                if owner is not None and is_root():
                    os.fchown(descriptor, *owner)
            _put_in_place(draft, path, folder)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)


def _put_in_place(draft: str, path: Path, folder: int) -> None:
    try:
        os.replace(draft, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except IsADirectoryError as error:
        raise IsADirectoryError(error.errno, error.strerror, str(path)) from None


def open_kept(path: Path, mode: KeptMode, *, rights: int = 0o644) -> IO[str]:
    """A file that is read or gone on with, such as a log or a lock; for root, a plain one with no other name. With
    those ``rights`` where it is made. Raises UnsafePathError."""
    if not is_root():
        return open(path, mode, encoding="utf-8", opener=lambda name, flags: os.open(name, flags, rights))
    with open_folder(path.parent) as folder:
        try:
            # A pipe that nobody reads would be waited for.
            flags = KEPT_FLAGS[mode] | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(path.name, flags, rights, dir_fd=folder)
        except OSError as error:
            _refuse_link(folder, path.name, path)
            raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        refuse_other_names(path, os.fstat(descriptor))
    except UnsafePathError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, mode, encoding="utf-8")


def refuse_other_names(path: Path, status: os.stat_result) -> None:
    """Raises UnsafePathError for what is no plain file, or lies somewhere else too."""
    if not stat.S_ISREG(status.st_mode):
        raise UnsafePathError(f"{path} is no plain file, so root does not use it. Remove it, and try again.")
    if status.st_nlink > 1:
        raise UnsafePathError(
            f"{path} has a second name (a hard link), under which it may be anybody's file, so root does not use it. "
            "Remove this name, and try again."
        )


def give_tree(path: Path, owner: Owner) -> bool:
    """Give a folder and what is below it to ``owner``; whether a folder had been somebody else's. Links stay as they
    are. Raises UnsafePathError for a file that lies somewhere else too."""
    had_another = False
    with open_folder(path) as top:
        for below, _, names, folder in os.fwalk(".", dir_fd=top):
            had_another |= os.fstat(folder).st_uid != owner[0]
            os.fchown(folder, *owner)
            for name in names:
                _give_file(folder, name, path / below / name, owner)
    return had_another


def _give_file(folder: int, name: str, path: Path, owner: Owner) -> None:
    """Looked at and given away is the one file that is held, whatever has its name by then."""
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if (status.st_uid, status.st_gid) == owner or not stat.S_ISREG(status.st_mode):
            return
        held = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
        try:
            if not stat.S_ISLNK((status := os.fstat(held)).st_mode):
                refuse_other_names(path, status)
                os.chown(hold_path(held), *owner)
        finally:
            os.close(held)


def remove_file(path: Path) -> None:
    """Where it is there."""
    with contextlib.suppress(FileNotFoundError), open_folder(path.parent) as folder:
        os.unlink(path.name, dir_fd=folder)


def rename(source: Path, target: Path) -> None:
    """On the disk for good at the end."""
    with open_folder(source.parent) as above, open_folder(target.parent) as folder:
        os.rename(source.name, target.name, src_dir_fd=above, dst_dir_fd=folder)
        os.fsync(folder)


def remove_tree(path: Path, *, ignore_errors: bool = False) -> None:
    """A folder with what is in it; of a link, the link alone."""
    with open_folder(path.parent) as folder:
        try:
            os.unlink(path.name, dir_fd=folder)
        except IsADirectoryError:
            shutil.rmtree(path.name, ignore_errors=ignore_errors, dir_fd=folder)
        except OSError:
            if not ignore_errors:
                raise


def _walk(path: Path, make: int | None) -> int:
    """As root every part is opened below the one before it."""
    if not is_root():
        if make is not None:
            path.mkdir(parents=True, exist_ok=True, mode=make)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    here, left, done = _begin(path)
    for position, part in enumerate(left):
        done /= part
        is_last = position + 1 == len(left)
        mode = make if make is None or is_last else 0o777  # less the umask
        try:
            below = _enter(here, part, done, FOLDER_FLAGS if is_last else PASSED_FLAGS, mode)
        finally:
            os.close(here)
        here = below
    return here


def _begin(path: Path) -> tuple[int, tuple[str, ...], Path]:
    """Where the walk begins: at a folder that this process holds, or at the root."""
    parts = path.parts
    if parts[1:2] == ("proc",) and parts[2:3] in (("self",), (str(os.getpid()),)) and parts[3:4] == ("fd",):
        return os.dup(int(parts[4])), parts[5:], Path(*parts[:5])
    return os.open("/", PASSED_FLAGS if parts[1:] else FOLDER_FLAGS), parts[1:], Path("/")


def _enter(here: int, part: str, path: Path, flags: int, make: int | None) -> int:
    if make is not None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, make, dir_fd=here)
    try:
        return os.open(part, flags, dir_fd=here)
    except OSError as error:
        _refuse_link(here, part, path)
        raise type(error)(error.errno, error.strerror, str(path)) from None


def _refuse_link(folder: int, name: str, path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise UnsafePathError(
                f"{path} is a symbolic link, and whoever may change it would decide what root changes. Remove it, and "
                "try again; a folder that has to lie on another disk can be mounted in its place."
            ) from None
