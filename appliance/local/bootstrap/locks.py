"""Lock files: how many packages one names, and the stamp of an environment that was filled from it."""

import hashlib
import re
import sys
from pathlib import Path

PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?==", re.MULTILINE)


def python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def count_packages(lock: Path) -> int:
    return len(PINNED.findall(lock.read_text(encoding="utf-8")))


def build_stamp(lock: Path) -> str:
    """Equal for equal lock contents and Python version, different for any other."""
    return f"{hashlib.sha256(lock.read_bytes()).hexdigest()} python{python_version()}\n"
