"""Where packages come from, read from ``appliance.yaml`` before there is a YAML library.

Reads three plain ``key: value`` lines of two sections; the full check of the file is :mod:`appliance.settings.load`'s.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

EMPTY = frozenset({"", "null", "~"})


@dataclass(frozen=True)
class Sources:
    """``device`` is auto, cpu or cuda; the others add to what pip is configured with."""

    wheelhouse: Path | None = None
    extra_index_url: str | None = None
    device: str = "auto"


def read_sources(config: Path) -> Sources:
    if not config.exists():
        return Sources()
    values = read_two_level_keys(config.read_text(encoding="utf-8", errors="replace"))
    wheelhouse = values.get("install.wheelhouse", "")
    index = values.get("install.extra_index_url", "")
    return Sources(
        wheelhouse=None if wheelhouse in EMPTY else (config.resolve().parent / Path(wheelhouse).expanduser()),
        extra_index_url=None if index in EMPTY else index,
        device=values.get("model.device", "auto"),
    )


def read_two_level_keys(text: str) -> dict[str, str]:
    """``section.key`` to value for block-style YAML of plain or quoted scalars; anything else is left out."""
    found: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        bare = line.split(" #")[0].rstrip()
        key, colon, value = bare.strip().partition(":")
        if not colon or key.startswith(("#", "-")):
            continue
        value = value.strip().strip("\"'")
        if bare[:1].isspace():
            found[f"{section}.{key}"] = value
        else:
            section = key
    return found


def find_nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
