"""What an engine loads beside its model: adapters, and the smaller model that guesses ahead."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.registry.adapter import inspect_adapter, require_fit
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.choice import require_directory
from inference.registry.entry import Entry
from inference.registry.errors import CheckpointError, ModelError
from inference.registry.spec import ModelSpec


class AdapterNameError(ModelError):
    """Two models of one engine with one name."""


class DraftMismatchError(CheckpointError):
    """A smaller model that speaks another vocabulary than the model that it guesses for."""


def with_companions(spec: ModelSpec, entries: Iterable[Entry], *, section: str = "model") -> ModelSpec:
    """Looked at as closely as the model itself; ``section`` of appliance.yaml names them. Raises CheckpointError or
    AdapterNameError."""
    options = spec.options
    if spec.purpose != "generation" or spec.path is None:
        return spec
    if options.speculative is not None and options.speculative.draft is not None:
        _require_one_vocabulary(options.speculative.draft, spec.path, section=section)
    ranks, known = [], tuple(entries)
    for named in options.adapters:
        if named.name == spec.served_name:
            raise AdapterNameError(
                f"{section}.adapters: {named.name} is the name of the model itself. Choose another, or set "
                f"{section}.name."
            )
        require_directory(named.path, fix=f"Correct {section}.adapters.{named.name} in appliance.yaml.")
        adapter = inspect_adapter(named.path)
        require_fit(adapter, spec.path, known)
        ranks.append(adapter.room)
    return replace(spec, adapter_rank=max(ranks, default=None))


def _require_one_vocabulary(draft: Path, model: Path, *, section: str) -> None:
    require_directory(draft, fix=f"Correct {section}.speculative.draft in appliance.yaml.")
    inspect_checkpoint(draft)
    its, wanted = (_read(folder).get("vocab_size") for folder in (draft, model))
    if its != wanted:
        raise DraftMismatchError(
            draft / "config.json", f"its vocabulary has {its} tokens, that of {model.name} {wanted}.",
            f"Choose a smaller model of the same family, or {section}.speculative.method: ngram.",
        )  # fmt: skip


def _read(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config
