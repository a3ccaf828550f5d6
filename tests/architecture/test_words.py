"""The project speaks of itself alone, needs nothing from the internet at run time, and names no registry."""

import re

from tests.architecture.tree import list_files, name, read_text

LOCAL_PATH = re.compile(r"(?<![\w.])/(?:work|root|home/[a-z]+)/")
OUTSIDE_ASSET = re.compile(r"""(?:src|href|url\()\s*=?\s*["'(]?\s*(?:https?:)?//""", re.IGNORECASE)
INDEX_ADDRESS = re.compile(r"https?://|--(?:extra-)?index-url|--find-links")
RENDERED = {".html", ".css", ".js"}


def test_no_path_of_one_machine_is_written_down() -> None:
    assert _matches(LOCAL_PATH, skip=("tests/architecture/",)) == []


def test_pages_load_nothing_from_elsewhere() -> None:
    found = _matches(OUTSIDE_ASSET, suffixes=RENDERED, only="webapp/", skip=("/vendor/",))
    assert [line for line in found if "www.w3.org" not in line] == []


def test_lock_files_carry_hashes_and_no_index_address() -> None:
    locks = [path for path in list_files() if path.suffix == ".lock" and path.parent.name == "requirements"]
    assert len(locks) == 10
    for path in locks:
        text = path.read_text(encoding="utf-8")
        assert INDEX_ADDRESS.findall(text) == [], name(path)
        pinned = re.findall(r"^[a-z0-9][^\n]*==[^\n]*\\\n\s+--hash=sha256:", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[a-z0-9][^\s]*==", text, re.MULTILINE)), name(path)


def test_no_merge_leftovers_or_unfinished_notes() -> None:
    unfinished = re.compile(r"^(?:<<<<<<<|>>>>>>>) |\b(?:TODO|FIXME|XXX)\b", re.MULTILINE)
    assert (
        _matches(
            unfinished,
            suffixes={".py", ".md", ".html", ".css", ".js", ".yaml"},
            skip=("tests/architecture/", "/vendor/"),
        )
        == []
    )


def _matches(
    pattern: re.Pattern[str], *, suffixes: set[str] | None = None, only: str = "", skip: tuple[str, ...] = ()
) -> list[str]:
    found = []
    for path in list_files():
        if (suffixes and path.suffix not in suffixes) or not name(path).startswith(only):
            continue
        if any(part in name(path) for part in skip) or (text := read_text(path)) is None:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{name(path)}:{number} {line.strip()[:100]}")
    return found
