"""What can be planned: each set of weights in the catalogue, and each model directory, with what sizing needs of it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from inference.planning.config import read_facts
from inference.planning.errors import ConfigWrongError
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.choice import ModelWish, build_directory_spec
from inference.registry.entry import FOUR_BIT_FORMATS, Architecture, Entry, Format, Variant
from inference.registry.served import build_spec
from inference.registry.spec import ModelSpec

# What AWQ, GPTQ and W4A16 are published with, and what Qwen's FP8 was found to be cut by:
# https://huggingface.co/QuantTrio/Qwen3-Coder-30B-A3B-Instruct-GPTQ-Int8
USUAL_GROUP_SIZE = 128
GROUPED_FORMATS: tuple[Format, ...] = ("fp8", *FOUR_BIT_FORMATS)
# How Red Hat names what llm-compressor's scheme FP8_DYNAMIC made, which has a scale for each row of weights:
# compressed_tensors/quantization/quant_scheme.py
ROWS_SUFFIX = "-FP8-dynamic"


@dataclass(frozen=True)
class Candidate:
    """``converted``: vLLM quantises the weights while it loads them. ``spec`` is None for what vLLM's server is not
    started for here: embedding and reranking. ``revision`` is the commit, where it is known; ``weight_bits`` what one
    weight takes with its share of scales, where a configuration says it; ``group_size``: how many inputs of a layer
    share a scale, None where all of them do; ``is_compressed``: whether compressed-tensors stored them. ``is_padded``:
    whether the layers were widened before they were quantised, beyond what ``architecture`` says; None where nobody
    could look. ``draft_bytes`` and ``draft_token_bytes``: of a GPU, what a smaller model that guesses ahead takes."""

    model: str
    weights: str
    format: Format
    architecture: Architecture
    native_tokens: int | None
    spec: ModelSpec | None
    converted: bool = False
    hub_id: str | None = None
    revision: str | None = None
    weight_bits: float | None = None
    group_size: int | None = None
    is_compressed: bool = False
    is_padded: bool | None = False
    draft_bytes: int = 0
    draft_token_bytes: int = 0


def list_candidates(entries: Iterable[Entry]) -> tuple[Candidate, ...]:
    """Each variant as published; 16-bit weights also as bitsandbytes makes them 4-bit while they are loaded."""
    found = []
    for entry in entries:
        for variant in entry.variants:
            generates = entry.purpose == "generation"
            published = Candidate(
                model=entry.id,
                weights=variant.name,
                format=variant.format,
                architecture=entry.architecture,
                native_tokens=entry.context.native_tokens,
                spec=build_spec(entry, variant) if generates else None,
                hub_id=variant.hub_id,
                revision=variant.revision,
                group_size=_find_group_size(variant),
                is_padded=variant.padded,
            )
            found.append(published)
            if can_convert(published):
                found.append(convert(published))
    return tuple(found)


def _find_group_size(variant: Variant) -> int | None:
    """The usual one where nobody could look it up: rather one number of GPUs too few than one that vLLM refuses."""
    if variant.group_size is not None or variant.name.endswith(ROWS_SUFFIX):
        return variant.group_size
    return USUAL_GROUP_SIZE if variant.format in GROUPED_FORMATS else None


def can_convert(candidate: Candidate) -> bool:
    """16-bit weights of a dense model: a mixture of experts has not been tried."""
    return candidate.spec is not None and candidate.format == "bf16" and not candidate.architecture.is_mixture


def convert(candidate: Candidate) -> Candidate:
    """The same weights with ``model.quantization: bitsandbytes``."""
    assert candidate.spec is not None
    spec = replace(candidate.spec, quantization="bitsandbytes")
    return replace(candidate, format="bnb-nf4", spec=spec, converted=True)


def read_candidates(directory: Path) -> tuple[Candidate, ...]:
    """A model directory, as it is and in 4 bits.

    Raises CheckpointError for a directory that would not be served, and PlanningError for a configuration that does
    not say what sizing needs.
    """
    checkpoint = inspect_checkpoint(directory)
    file = directory / "config.json"
    try:
        facts = read_facts(json.loads(file.read_text(encoding="utf-8")))
    except ConfigWrongError as error:
        raise ConfigWrongError(f"{file}: {error} Correct it, or copy the file again.") from None
    as_it_is = Candidate(
        model=directory.name,
        weights=directory.name,
        format=facts.format,
        architecture=facts.architecture,
        native_tokens=checkpoint.trained_context_tokens,
        spec=build_directory_spec(ModelWish(path=directory), checkpoint, "cuda"),
        weight_bits=facts.weight_bits,
        group_size=facts.group_size,
        is_compressed=facts.is_compressed,
    )
    return (as_it_is, convert(as_it_is)) if can_convert(as_it_is) else (as_it_is,)
