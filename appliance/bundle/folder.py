"""An offline set as a folder: its sums, read from its files."""

import hashlib
from pathlib import Path

from inference.registry.manifest import NAME, ManifestError, find_problems, format_manifest, parse_manifest


def read_sums(folder: Path) -> dict[str, str]:
    """The sum of every file but the manifest. Raises :class:`ManifestError` for what is no file, such as a link."""
    sums = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ManifestError(f"{path} is neither a file nor a folder; a set holds nothing else.")
        if path.is_file() and name != NAME:
            with path.open("rb") as handle:
                sums[name] = hashlib.file_digest(handle, "sha256").hexdigest()
    return sums


def write_manifest(folder: Path) -> None:
    (folder / NAME).write_text(format_manifest(read_sums(folder)), encoding="utf-8")


def check(folder: Path) -> dict[str, str]:
    """The manifest of a set that is what it says. Raises :class:`ManifestError` with everything that is wrong."""
    if not (folder / NAME).is_file():
        raise ManifestError(f"{folder} holds no {NAME}, so it is no offline set. Name the folder that holds one.")
    sums = parse_manifest((folder / NAME).read_text(encoding="utf-8"))
    if problems := find_problems(sums, read_sums(folder)):
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ManifestError(f"{folder} is refused, nothing was installed from it:\n{lines}\nFetch the set again.")
    return sums
