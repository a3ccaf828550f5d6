"""What an engine loads beside its model: adapters, and the smaller model that guesses ahead."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.registry.adapter import inspect_adapter, require_fit
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.entry import Entry
from inference.registry.errors import CheckpointError, ModelError
from inference.registry.spec import ModelSpec


class AdapterNameError(ModelError):
    """Two models of one engine with one name."""


class DraftMismatchError(CheckpointError):
    """A smaller model that speaks another vocabulary than the model that it guesses for."""


def with_companions(spec: ModelSpec, entries: Iterable[Entry]) -> ModelSpec:
    """Looked at as closely as the model itself. Raises CheckpointError or AdapterNameError."""
    options = spec.options
    if spec.purpose != "generation" or spec.path is None:
        return spec
    if options.speculative is not None and options.speculative.draft is not None:
        _require_one_vocabulary(options.speculative.draft, spec.path)
    ranks, known = [], tuple(entries)
    for named in options.adapters:
        if named.name == spec.served_name:
            raise AdapterNameError(
                f"model.adapters: {named.name} is the name of the model itself. Choose another, or set model.name."
            )
        adapter = inspect_adapter(named.path)
        require_fit(adapter, spec.path, known)
        ranks.append(adapter.room)
    return replace(spec, adapter_rank=max(ranks, default=None))


def _require_one_vocabulary(draft: Path, model: Path) -> None:
    inspect_checkpoint(draft)
    its, wanted = (_read(folder).get("vocab_size") for folder in (draft, model))
    if its != wanted:
        raise DraftMismatchError(
            draft / "config.json", f"its vocabulary has {its} tokens, that of {model.name} {wanted}.",
            "Choose a smaller model of the same family, or model.speculative.method: ngram.",
        )  # fmt: skip


def _read(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config
