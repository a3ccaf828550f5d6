"""Look into a model directory before anything is loaded from it: complete, of a known family, and free of code."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.registry.contents import refuse_contents
from inference.registry.errors import (
    AdapterAloneError,
    ArchitectureUnsupportedError,
    ChatTemplateMissingError,
    CheckpointMissingError,
    ConfigUnreadableError,
    PurposeError,
    TokenizerMissingError,
)
from inference.registry.families import (
    FAMILIES,
    POOLING_FAMILIES,
    EngineParser,
    Family,
    PoolingFamily,
    find_family,
    find_pooling_family,
)
from inference.registry.spec import Purpose
from inference.registry.strict_json import COPY_AGAIN, read_object
from inference.registry.tree import list_files
from inference.registry.weights import measure_weights

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tekken.json")
VOCABULARY_FILES = (*TOKENIZER_FILES, "tokenizer_config.json", "added_tokens.json")
CHAT_TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")
MODULES = "modules.json"  # of sentence-transformers: how token vectors become one
ADAPTER = "adapter_config.json"
OBJECTS = ("text_config", "quantization_config", "id2label")
CONTEXT = "max_position_embeddings"
CARD_CHARACTERS = 4000
RANKING_BY_WORDS = frozenset({"Qwen3ForCausalLM"})
LICENCE_LINE = re.compile(r"^license:\s*(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Checkpoint:
    """What a model directory says about itself. ``weights_bytes``: the safetensors files together; ``loaded_bytes``:
    what the engine keeps of them, which loads 32-bit weights as 16-bit ones. ``purposes``: what it can be served for.

    The parsers are the engine's names, None where this tokenizer cannot work with them.
    """

    path: Path
    architecture: str
    family: Family | PoolingFamily
    quantization: Literal["bitsandbytes"] | None
    tool_parser: str | None
    reasoning_parser: str | None
    trained_context_tokens: int | None
    weights_bytes: int
    loaded_bytes: int
    licence: str | None
    purposes: tuple[Purpose, ...] = ("generation",)


def inspect_checkpoint(path: Path) -> Checkpoint:
    """Verify the directory ``path``. Raises a :class:`~inference.registry.errors.CheckpointError`."""
    if not path.is_dir():
        raise CheckpointMissingError(path, "there is no such directory.", "Correct the path.")
    files = list_files(path)
    if ADAPTER in files and "config.json" not in files:
        raise AdapterAloneError(
            path, "this is an adapter of a model, not a model.",
            "Name it under model.adapters in appliance.yaml, beside the model that it was made for.",
        )  # fmt: skip
    config = _read_config(path / "config.json")
    architecture, family = _find_family(path, config)
    refuse_contents(path, files)
    weights_bytes = measure_weights(path, files)
    _require_tokenizer(path)
    purposes = _list_purposes(path, config, architecture, family)
    writes = family if isinstance(family, Family) and "generation" in purposes else None
    method = (config.get("quantization_config") or {}).get("quant_method")
    return Checkpoint(
        path=path,
        architecture=architecture,
        family=family,
        purposes=purposes,
        quantization="bitsandbytes" if method == "bitsandbytes" else None,
        tool_parser=_find_parser(path, writes.tools if writes else None),
        reasoning_parser=_find_parser(path, writes.reasoning if writes else None),
        trained_context_tokens=(config.get("text_config") or config).get(CONTEXT),
        weights_bytes=weights_bytes,
        loaded_bytes=weights_bytes // 2 if _is_single_precision(config) else weights_bytes,
        licence=find_licence(path / "README.md"),
    )


def ranks_by_words(checkpoint: Checkpoint, purpose: Purpose) -> bool:
    """Whether a model that writes is to be served as a reranker: Qwen3's are published so."""
    return purpose == "reranking" and checkpoint.architecture in RANKING_BY_WORDS


def require_purpose(checkpoint: Checkpoint, purpose: Purpose) -> None:
    """Raises PurposeError where the model cannot be served for it."""
    if purpose not in checkpoint.purposes:
        raise PurposeError(
            checkpoint.path / "config.json",
            f"{checkpoint.architecture} is a model for {' or '.join(checkpoint.purposes)}, not for {purpose}.",
            "Choose another model, or correct its purpose in appliance.yaml."
            if purpose != "generation"
            else "Choose one that writes; this one can be a further model, under further_models in appliance.yaml.",
        )


def _read_config(file: Path) -> dict[str, Any]:
    """With the types of what is read of it here; the rest is the engine's to refuse."""
    config = read_object(file)
    for key in OBJECTS:
        if not isinstance(config.get(key), dict | None):
            raise ConfigUnreadableError(file, f"{key!r} is {config[key]!r:.60}, which is no object.", COPY_AGAIN)
    context = (config.get("text_config") or config).get(CONTEXT)
    if context is not None and (type(context) is not int or context < 1):
        raise ConfigUnreadableError(file, f"{CONTEXT!r} is {context!r:.60}, which is no number of tokens.", COPY_AGAIN)
    return config


def _find_family(path: Path, config: dict[str, Any]) -> tuple[str, Family | PoolingFamily]:
    names = config.get("architectures") or []
    for name in names if isinstance(names, list) else []:
        if family := find_family(architecture=name) or find_pooling_family(architecture=name):
            return name, family
    known = ", ".join(name for family in FAMILIES for name in family.architectures)
    pooling = ", ".join(name for family in POOLING_FAMILIES for name in (*family.embedding, *family.reranking))
    raise ArchitectureUnsupportedError(
        path / "config.json",
        f"the architecture {names} is not served here.",
        f"Choose a model of one of: {known}; as a further model also {pooling}.",
    )


def _is_single_precision(config: dict[str, Any]) -> bool:
    return (config.get("dtype") or config.get("torch_dtype")) == "float32"


def _require_tokenizer(path: Path) -> None:
    if not any((path / name).exists() for name in TOKENIZER_FILES):
        raise TokenizerMissingError(
            path, f"there is no tokenizer ({', '.join(TOKENIZER_FILES)}).", "Copy it from the model's own page."
        )


def _list_purposes(
    path: Path, config: dict[str, Any], architecture: str, family: Family | PoolingFamily
) -> tuple[Purpose, ...]:
    """A model that writes can embed too, which is what embedding models made from one say with modules.json."""
    if isinstance(family, Family):
        if (path / MODULES).exists() and not _has_chat_template(path):
            return ("embedding",)
        _require_chat_template(path)
        ranking: tuple[Purpose, ...] = ("reranking",) if architecture in RANKING_BY_WORDS else ()
        return ("generation", "embedding", *ranking)
    if architecture in family.embedding:
        return ("embedding",)
    labels = len(config.get("id2label") or ()) or config.get("num_labels") or 2  # transformers' own default
    if labels != 1:
        raise PurposeError(
            path / "config.json", f"it sorts texts into {labels} classes.", "A reranking model has one, its score."
        )
    return ("reranking",)


def _has_chat_template(path: Path) -> bool:
    if any((path / name).exists() for name in CHAT_TEMPLATE_FILES):
        return True
    config = path / "tokenizer_config.json"
    return config.exists() and bool(read_object(config).get("chat_template"))


def _require_chat_template(path: Path) -> None:
    if not _has_chat_template(path):
        raise ChatTemplateMissingError(
            path / "tokenizer_config.json",
            "there is no chat template, so this is probably a base model.",
            "Choose the instruct version, or add a chat_template.jinja.",
        )


def _find_parser(path: Path, parser: EngineParser | None) -> str | None:
    """The parser's name when its token occurs in the vocabulary, as bytes: the files have several formats."""
    if parser is None:
        return None
    files = [path / name for name in VOCABULARY_FILES if (path / name).exists()]
    return parser.name if any(parser.token.encode() in file.read_bytes() for file in files) else None


def find_licence(card: Path) -> str | None:
    """What a model's card declares in its front matter."""
    return find_licence_in(card.read_text(encoding="utf-8", errors="replace")) if card.exists() else None


def find_licence_in(card: str) -> str | None:
    head = card[:CARD_CHARACTERS]
    if not head.startswith("---"):
        return None
    found = LICENCE_LINE.search(head.split("\n---", 1)[0])
    return found.group(1) if found else None
