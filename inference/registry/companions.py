"""What an engine loads beside its model: adapters, and the smaller model that guesses ahead."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.registry.adapter import inspect_adapter, require_fit
from inference.registry.checkpoint import inspect_checkpoint, require_purpose
from inference.registry.choice import BITSANDBYTES_SHARE, require_device, require_directory
from inference.registry.entry import Entry
from inference.registry.errors import CheckpointError, ModelError
from inference.registry.spec import ModelSpec
from inference.registry.strict_json import read_object

# Releases of one family call some of their special tokens otherwise; another family's vocabulary has nearly every
# number for another token.
LEAST_ALIKE = 0.9


class AdapterNameError(ModelError):
    """Two models of one engine with one name."""


class DraftMismatchError(CheckpointError):
    """A smaller model that speaks another vocabulary than the model that it guesses for."""


class DraftFormatError(CheckpointError):
    """A smaller model whose weights are stored in a form that is not loaded beside the model's."""


def with_companions(spec: ModelSpec, entries: Iterable[Entry], *, section: str = "model") -> ModelSpec:
    """Looked at as closely as the model itself; ``section`` of appliance.yaml names them. Raises CheckpointError or
    AdapterNameError."""
    options = spec.options
    if spec.purpose != "generation" or spec.path is None:
        return spec
    draft_bytes = 0
    if spec.draft is not None:
        draft_bytes = _measure_draft(spec.draft, spec, section=section)
        _require_one_vocabulary(spec.draft, spec.path, section=section)
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
    return replace(spec, adapter_rank=max(ranks, default=None), draft_bytes=draft_bytes)


def _measure_draft(draft: Path, spec: ModelSpec, *, section: str) -> int:
    """What the engine keeps of it, where it is one that can be loaded beside the model."""
    require_directory(draft, fix=f"Correct {section}.speculative.draft in appliance.yaml.")
    checkpoint = inspect_checkpoint(draft)
    require_purpose(checkpoint, "generation")
    require_device(checkpoint, spec.device)
    narrows = spec.quantization == "bitsandbytes"
    if narrows and read_object(draft / "config.json").get("quantization_config") is not None:
        raise DraftFormatError(
            draft / "config.json",
            "its weights are quantised, and beside a model in bitsandbytes' form they would be so again when loaded.",
            "Choose its 16-bit weights.",
        )
    if checkpoint.quantization == "bitsandbytes":
        raise DraftFormatError(
            draft / "config.json",
            "its weights are in bitsandbytes' form, which is loaded beside a model in that form only.",
            "Choose its 16-bit, FP8 or W4A16 weights.",
        )
    return int(checkpoint.loaded_bytes * (BITSANDBYTES_SHARE if narrows else 1))


def _require_one_vocabulary(draft: Path, model: Path, *, section: str) -> None:
    """vLLM compares how many tokens there are, minutes later; that they are the same ones it takes on trust."""
    fix = f"Choose a smaller model of the same family, or {section}.speculative.method: ngram."
    its, wanted = _count_tokens(draft), _count_tokens(model)
    if its != wanted and None not in (its, wanted):
        raise DraftMismatchError(
            draft / "config.json", f"its vocabulary has {its} tokens, that of {model.name} {wanted}.", fix
        )
    numbers, others = _read_numbers(draft), _read_numbers(model)
    if numbers is None or others is None:  # a vocabulary in another kind of file
        return
    most, alike = max(len(numbers), len(others)), len(numbers.items() & others.items())
    if alike < LEAST_ALIKE * most:
        raise DraftMismatchError(
            draft / "tokenizer.json",
            f"its vocabulary is another one than that of {model.name}: of {most:,} tokens, {alike:,} have the same "
            "number in both.",
            fix,
        )


def _count_tokens(folder: Path) -> Any:
    """None where the configuration leaves it to a default of its architecture's."""
    config = read_object(folder / "config.json")
    return (config.get("text_config") or {}).get("vocab_size", config.get("vocab_size"))


def _read_numbers(folder: Path) -> dict[str, int] | None:
    """The number of each token, None where the tokenizer's file does not list them so."""
    file = folder / "tokenizer.json"
    model = read_object(file).get("model") if file.exists() else None
    numbers = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(numbers, dict) or not all(type(number) is int for number in numbers.values()):
        return None
    return numbers
