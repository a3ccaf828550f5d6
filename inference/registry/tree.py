"""The files of a model directory: plain files in plain folders, of a bounded number, and nothing else."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from inference.registry.refusals import HardLinkError, LinkInCheckpointError, SpecialFileError

MAX_FILES = 10_000
MAX_DEPTH = 8
COPY_WITHOUT_LINKS = (
    "Copy the directory with `cp -rL` and name the copy; of a hub's cache, import one `models--owner--name` folder."
)
Files = dict[str, os.stat_result]


def list_files(root: Path) -> Files:
    """Path below ``root`` to what lstat says, in the order of their names.

    Raises LinkInCheckpointError, HardLinkError or SpecialFileError.
    """
    files: Files = {}
    for path, status in walk(root):
        name = path.relative_to(root).as_posix()
        refuse_odd_name(name, path)
        if stat.S_ISDIR(status.st_mode):
            continue
        if status.st_nlink > 1:
            raise HardLinkError(
                path, "the file has a second name (a hard link), under which it could be changed.", COPY_WITHOUT_LINKS
            )  # fmt: skip
        if len(files) == MAX_FILES:
            raise SpecialFileError(root, f"there are more than {MAX_FILES} files.", "Name the model's own directory.")
        files[name] = status
    return dict(sorted(files.items()))


def walk(root: Path, depth: int = 0) -> Iterator[tuple[Path, os.stat_result]]:
    """Every file and folder below ``root`` with what lstat says of it."""
    with os.scandir(root) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path, status = Path(entry.path), entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            raise LinkInCheckpointError(
                path, f"this is a link to {str(path.readlink())!r}, which could lead anywhere tomorrow.",
                COPY_WITHOUT_LINKS,
            )  # fmt: skip
        if stat.S_ISDIR(status.st_mode):
            if depth + 1 == MAX_DEPTH:
                raise SpecialFileError(path, "the folders are nested too deeply.", "Name the model's own directory.")
            yield path, status
            yield from walk(path, depth + 1)
        elif stat.S_ISREG(status.st_mode):
            yield path, status
        else:
            raise SpecialFileError(path, "this is neither a file nor a folder.", "Remove it.")


def refuse_odd_name(name: str, path: Path) -> None:
    """A manifest is one line a file: a name has to fit into one, and to be readable."""
    if "\\" in name or not name.isprintable():
        raise SpecialFileError(Path(repr(str(path))), "the name holds odd characters.", "Give it an ordinary name.")
