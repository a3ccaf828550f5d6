"""What every module behind ``make generate`` does with its files: write them, or say which are out of date.

It lies beside the settings because the rooms that generate pages have nothing else in common.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def generate(build: Callable[[], Mapping[Path, str]], arguments: Sequence[str] | None = None) -> int:
    """The whole of such a program: with ``--check`` nothing is written, and the status is 1 when a file differs."""
    parser = argparse.ArgumentParser(description="Write generated files.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    check = parser.parse_args(arguments).check
    return write(build(), check=check)


def write(files: Mapping[Path, str], *, check: bool = False) -> int:
    stale = list_stale(files)
    for path in stale:
        if check:
            sys.stderr.write(f"{path} is out of date: run `make generate`.\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
    return 1 if check and stale else 0


def list_stale(files: Mapping[Path, str]) -> list[Path]:
    return [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
