"""Lock files: how many packages one names, and the stamp of an environment that was filled from it."""

import hashlib
import re
import sys
from pathlib import Path

PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def count_packages(lock: Path) -> int:
    return len(PINNED.findall(lock.read_text(encoding="utf-8")))


def list_names(lock: Path) -> set[str]:
    return {name for name, _ in PINNED.findall(lock.read_text(encoding="utf-8"))}


def is_all_in(wheelhouse: Path, lock: Path) -> bool:
    """Does ``wheelhouse`` hold a wheel of every package of ``lock`` that this Python takes? Then no index is needed."""
    here = {package for file in wheelhouse.glob("*.whl") if (package := _read_wheel_name(file.stem)) is not None}
    pinned = PINNED.findall(lock.read_text(encoding="utf-8"))
    return all((_normalize(name), version) in here for name, version in pinned)


def _read_wheel_name(stem: str) -> tuple[str, str] | None:
    """Name and version, unless the wheel is for another Python."""
    fields = stem.split("-")
    if len(fields) < 5:
        return None
    ours = {f"cp{sys.version_info.major}{sys.version_info.minor}", "py3"}
    fits = fields[-2] == "abi3" or ours.intersection(fields[-3].split("."))
    return (_normalize(fields[0]), fields[1]) if fits else None


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def build_stamp(lock: Path) -> str:
    """Equal for equal lock contents and Python version, different for any other."""
    return f"{hashlib.sha256(lock.read_bytes()).hexdigest()} python{python_version()}\n"
