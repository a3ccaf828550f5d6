"""A variant of the catalogue as the value that the engine's command line is built from."""

from pathlib import Path

from inference.registry.entry import Entry, Variant
from inference.registry.families import reads_pictures
from inference.registry.spec import ModelSpec


def build_spec(entry: Entry, variant: Variant) -> ModelSpec:
    """As if it were on this machine, in a directory of the variant's name."""
    return ModelSpec(
        name=variant.name,
        source="hub",
        device=variant.serving.device,
        path=Path(variant.name),
        hub_id=variant.hub_id,
        revision=variant.revision,
        family=entry.family,
        quantization="bitsandbytes" if variant.format == "bnb-nf4" else None,
        max_context_tokens=variant.serving.context_tokens,
        tool_parser=entry.tool_parser,
        reasoning_parser=entry.reasoning_parser,
        licence=entry.licence,
        text_only=reads_pictures(entry.architecture.class_name),
    )
