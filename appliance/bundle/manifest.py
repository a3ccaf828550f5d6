"""The manifest of an offline set: a SHA-256 sum for each file, in the format of ``sha256sum``. Pure.

So that anybody can check a set with ``sha256sum --check MANIFEST``, without this program.
"""

import re
from collections.abc import Iterable, Mapping

NAME = "MANIFEST"
LINE = re.compile(r"(?P<sum>[0-9a-f]{64})  (?P<path>[^/\\\x00-\x1f][^\\\x00-\x1f]*)")


class ManifestError(Exception):
    """A manifest that cannot be read, or a set that is not what its manifest says."""


def format_manifest(sums: Mapping[str, str]) -> str:
    return "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))


def parse_manifest(text: str) -> dict[str, str]:
    """Path to sum. Raises :class:`ManifestError` for anything but sums of files inside the set."""
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = LINE.fullmatch(line)
        if match is None or ".." in match["path"].split("/"):
            raise ManifestError(f"{NAME}, line {number}: this is not a SHA-256 sum, two spaces and a path in the set.")
        if match["path"] in sums:
            raise ManifestError(f"{NAME}, line {number}: {match['path']} is there twice.")
        sums[match["path"]] = match["sum"]
    if not sums:
        raise ManifestError(f"{NAME} names no file.")
    return sums


def select(sums: Mapping[str, str], prefixes: Iterable[str]) -> dict[str, str]:
    """The part of a manifest that is below these folders, or is these files."""
    wanted = tuple(prefixes)
    return {
        path: of for path, of in sums.items() if any(path == each or path.startswith(f"{each}/") for each in wanted)
    }


def find_problems(expected: Mapping[str, str], observed: Mapping[str, str]) -> list[str]:
    """Everything that is wrong with a set, one sentence a file; empty when it is what its manifest says."""
    missing = [f"{path} is missing." for path in sorted(expected.keys() - observed.keys())]
    unknown = [f"{path} is not in the manifest." for path in sorted(observed.keys() - expected.keys())]
    wrong = [
        f"{path} is not the file that the manifest names (SHA-256 {observed[path]}, expected {expected[path]})."
        for path in sorted(expected.keys() & observed.keys())
        if expected[path] != observed[path]
    ]
    return [*missing, *unknown, *wrong]
