"""Models of the store that are not adapters, for people and for programs: what there is, and which of them is meant."""

import contextlib
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.cli.models.columns import align
from appliance.cli.models.remove import find_use
from appliance.local.errors import LocalError
from appliance.local.model_choice import ActivationUnreadableError
from appliance.settings import Settings
from inference.planning.sizing import GIB
from inference.registry.adapter import is_adapter
from inference.registry.own import MODELS
from inference.registry.store import Stored, get_stored, list_stored

HEAD = ("Here", "Size", "In use")
UNREADABLE = "The record of what was activated cannot be read. Write it anew: bin/appliance models activate MODEL"


def find_stored(models_dir: Path, name: str) -> Stored | None:
    """None where nothing has the name. Raises NotStoredError where several revisions do: that is no unknown name."""
    if any(name in (it.reference, it.folder.name, it.name) for it in list_stored(models_dir)):
        return get_stored(models_dir, name)
    return None


def list_models_here(settings: Settings) -> list[dict[str, Any]]:
    """As JSON. ``in_use`` says what serves it, now or at the next start; null where nothing does. ``active``: whether
    anything does; null where only a damaged record of what was activated could tell."""
    here = list_stored(settings.data_dir / MODELS)
    return [build_row(settings, stored) for stored in here if not is_adapter(stored.folder)]


def build_row(settings: Settings, stored: Stored) -> dict[str, Any]:
    use: str | None = ""
    try:
        use = find_use(settings, stored)
    except ActivationUnreadableError:
        use = None
    except LocalError:  # what cannot be served keeps nobody from seeing what is here
        pass
    return {
        "model": stored.reference, "name": stored.name, "revision": stored.revision, "folder": str(stored.folder),
        "bytes": measure(stored.folder), "active": None if use is None else bool(use), "in_use": use or None,
    }  # fmt: skip


def measure(folder: Path) -> int:
    """Bytes of its files. One that is removed meanwhile takes none."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


def build_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A table; nothing where nothing is here."""
    cells = [(row["model"], f"{row['bytes'] / GIB:.2f} GiB", _say_use(row)) for row in rows]
    lines = ["", *align(HEAD, cells, right=HEAD[1:2])] if cells else []
    return [*lines, UNREADABLE] if any(row["active"] is None for row in rows) else lines


def _say_use(row: dict[str, Any]) -> str:
    return "not known" if row["active"] is None else row["in_use"] or ""
