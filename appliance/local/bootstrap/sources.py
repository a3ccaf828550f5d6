"""Where packages come from, read from ``appliance.yaml`` before there is a YAML library.

Reads three plain values of two sections; the full check of the file is :mod:`appliance.settings.load`'s.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

EMPTY = frozenset({"", "null", "~"})
QUOTES = "\"'"
NOT_PLAIN = (">", "|", "&", "*", "!", "{", "[")
PLAIN = """Write the section plainly, one key a line:
  install:
    wheelhouse: /path/to/a/folder
    extra_index_url: https://address-of-an-index"""


@dataclass(frozen=True)
class Sources:
    """``device`` is auto, cpu or cuda; the others add to what pip is configured with."""

    wheelhouse: Path | None = None
    extra_index_url: str | None = None
    device: str = "auto"


class SourcesError(Exception):
    """``appliance.yaml`` says where packages come from in a way that cannot be read before there is a YAML library."""


def read_sources(config: Path) -> Sources:
    """Raises :class:`SourcesError` for a file that cannot be read, or an ``install`` section that is not plain."""
    if not os.path.lexists(config):
        return Sources()
    try:
        values = read_two_level_keys(config.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise SourcesError(f"{config} cannot be read: {error.strerror}.") from None
    except ValueError as unreadable:
        raise SourcesError(f"{config}: {unreadable}\n{PLAIN}") from None
    wheelhouse = values.get("install.wheelhouse", "")
    index = values.get("install.extra_index_url", "")
    return Sources(
        wheelhouse=None if wheelhouse in EMPTY else (config.resolve().parent / Path(wheelhouse).expanduser()),
        extra_index_url=None if index in EMPTY else index,
        device=values.get("model.device", "auto"),
    )


def read_two_level_keys(text: str) -> dict[str, str]:
    """``section.key`` to value, for plain or quoted scalars below a section, or beside it in braces on one line.

    Anything else is left out, but raises ValueError in ``install``.
    """
    found: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        bare = line.split(" #")[0].rstrip()
        key, colon, value = (part.strip() for part in bare.strip().partition(":"))
        if key.startswith(("#", "-")) or not key:
            continue
        if bare[:1].isspace():
            if section == "install" and (not colon or value.startswith(NOT_PLAIN)):
                raise ValueError(f"the line `{bare.strip()}` of install: cannot be read before installing.")
            found[f"{section}.{key}"] = value.strip(QUOTES)
            continue
        section = key.strip(QUOTES)
        if section.startswith("{"):
            raise ValueError(f"`{bare}` cannot be read before installing.")
        if value.startswith("{") and value.endswith("}"):
            pairs = (pair.partition(":") for pair in value[1:-1].split(","))
            found |= {f"{section}.{name.strip().strip(QUOTES)}": of.strip().strip(QUOTES) for name, _, of in pairs}
        elif section == "install" and value not in EMPTY:
            raise ValueError(f"`{bare}` cannot be read before installing.")
    return found


def find_nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
