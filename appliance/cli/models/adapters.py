"""Adapters in the store, for people and for programs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.cli.models.stored import find_stored
from appliance.local.errors import LocalError
from appliance.settings import Settings
from inference.registry.adapter import inspect_adapter, is_adapter
from inference.registry.errors import CheckpointError
from inference.registry.own import MODELS
from inference.registry.store import Stored, list_stored

SERVED_BESIDE = "Name it under model.adapters in appliance.yaml, then: bin/appliance up"


@dataclass(frozen=True)
class StoredAdapter:
    """``problem``: why it would not be loaded, empty where it would."""

    stored: Stored
    rank: int | None
    base: str | None
    problem: str

    def as_document(self) -> dict[str, Any]:
        it = self.stored
        return {
            "adapter": it.reference, "folder": str(it.folder), "rank": self.rank, "made_for": self.base,
            "problem": self.problem or None,
        }  # fmt: skip

    def describe(self) -> str:
        if self.problem:
            return f"Adapter {self.stored.reference}: {self.problem}"
        return f"Adapter {self.stored.reference}: LoRA of rank {self.rank}, made for {self.base or 'a model unnamed'}"


def list_adapters(settings: Settings) -> list[StoredAdapter]:
    return [describe(stored) for stored in list_stored(settings.data_dir / MODELS) if is_adapter(stored.folder)]


def find_adapter(settings: Settings, name: str) -> StoredAdapter | None:
    """Raises NotStoredError for one that is here in several revisions."""
    stored = find_stored(settings.data_dir / MODELS, name)
    return describe(stored) if stored is not None and is_adapter(stored.folder) else None


def describe(stored: Stored) -> StoredAdapter:
    try:
        adapter = inspect_adapter(stored.folder)
    except CheckpointError as error:
        return StoredAdapter(stored, None, None, str(error))
    return StoredAdapter(stored, adapter.rank, adapter.base, "")


def refuse_adapter(folder: Path) -> None:
    """Raises LocalError for what is loaded beside a model and cannot be one."""
    if is_adapter(folder):
        raise LocalError(f"{folder.name} is an adapter, which is served beside a model. {SERVED_BESIDE}")
