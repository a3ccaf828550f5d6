"""A digest of the code and settings that a process runs with, so that ``up`` restarts exactly what changed."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.settings import Settings

IGNORED = frozenset({"__pycache__"})


@dataclass(frozen=True)
class Release:
    """Digests of what the web application, the model servers and the demonstration collection are made of."""

    webapp: str
    inference: str
    demonstration: str


def read_release(root: Path, settings: Settings) -> Release:
    configured = settings.model_dump_json().encode()
    stamps = root / ".venv"
    return Release(
        webapp=digest([root / "webapp", root / "appliance", stamps / "webapp" / "appliance.stamp"], configured),
        inference=digest([root / "inference", stamps / "inference" / "appliance.stamp"], b""),
        demonstration=digest([root / "README.md", root / "docs"], b""),
    )


def digest(sources: Iterable[Path], more: bytes) -> str:
    """Of the names and contents of files, in order; folders are walked and a missing source counts as empty."""
    total = hashlib.sha256(more)
    for source in sources:
        files = sorted(source.rglob("*")) if source.is_dir() else [source]
        for file in files:
            if file.is_file() and not IGNORED.intersection(file.parts):
                total.update(str(file.relative_to(source.parent)).encode() + b"\0")
                total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]
