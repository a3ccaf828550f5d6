"""Look into a model directory before anything is loaded from it: complete, of a known family, and free of code."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.registry.errors import (
    ArchitectureUnsupportedError,
    ChatTemplateMissingError,
    CheckpointMissingError,
    CodeInCheckpointError,
    ConfigUnreadableError,
    TokenizerMissingError,
    UnsafeWeightsError,
    WeightsMissingError,
)
from inference.registry.families import FAMILIES, EngineParser, Family, find_family

UNSAFE_WEIGHTS = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tekken.json")
VOCABULARY_FILES = (*TOKENIZER_FILES, "tokenizer_config.json", "added_tokens.json")
CHAT_TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")
MAX_HEADER_BYTES = 100 * 1024 * 1024
LICENCE_LINE = re.compile(r"^license:\s*(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Checkpoint:
    """What a model directory says about itself. ``weights_bytes``: the safetensors files together;
    ``loaded_bytes``: what the engine keeps of them, which loads 32-bit weights as 16-bit ones.

    The parsers are the engine's names, None where this tokenizer cannot work with them.
    """

    path: Path
    architecture: str
    family: Family
    quantization: Literal["bitsandbytes"] | None
    tool_parser: str | None
    reasoning_parser: str | None
    trained_context_tokens: int | None
    weights_bytes: int
    loaded_bytes: int
    licence: str | None


def inspect_checkpoint(path: Path) -> Checkpoint:
    """Verify the directory ``path``. Raises a :class:`~inference.registry.errors.CheckpointError`."""
    if not path.is_dir():
        raise CheckpointMissingError(path, "there is no such directory.", "Correct model.path in appliance.yaml.")
    config = _read_object(path / "config.json")
    architecture, family = _find_family(path, config)
    _refuse_code(path)
    weights_bytes = _measure_weights(path)
    _require_tokenizer(path)
    method = (config.get("quantization_config") or {}).get("quant_method")
    return Checkpoint(
        path=path,
        architecture=architecture,
        family=family,
        quantization="bitsandbytes" if method == "bitsandbytes" else None,
        tool_parser=_find_parser(path, family.tools),
        reasoning_parser=_find_parser(path, family.reasoning),
        trained_context_tokens=config.get("max_position_embeddings"),
        weights_bytes=weights_bytes,
        loaded_bytes=weights_bytes // 2 if _is_single_precision(config) else weights_bytes,
        licence=_find_licence(path / "README.md"),
    )


def _read_object(path: Path) -> dict[str, Any]:
    fix = "Copy the whole model directory again."
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigUnreadableError(path, "the file is missing.", fix) from None
    except (OSError, ValueError) as error:
        raise ConfigUnreadableError(path, f"the file cannot be read ({error}).", fix) from None
    if not isinstance(value, dict):
        raise ConfigUnreadableError(path, "the file does not hold a JSON object.", fix)
    return value


def _find_family(path: Path, config: dict[str, Any]) -> tuple[str, Family]:
    names = config.get("architectures") or []
    for name in names:
        if family := find_family(architecture=name):
            return name, family
    known = ", ".join(name for family in FAMILIES for name in family.architectures)
    raise ArchitectureUnsupportedError(
        path / "config.json", f"the architecture {names} is not served here.", f"Choose a model of one of: {known}."
    )


def _refuse_code(path: Path) -> None:
    for file in sorted(path.rglob("*")):
        if file.suffix == ".py":
            raise CodeInCheckpointError(
                file, "the model brings Python code, which is never executed.", "Choose a model that needs none."
            )
        if file.suffix in UNSAFE_WEIGHTS:
            raise UnsafeWeightsError(
                file,
                "this format can execute code when it is loaded.",
                "Remove the file if the model also has safetensors weights; otherwise convert it.",
            )
    for file in (path / "config.json", path / "tokenizer_config.json"):
        if file.exists() and "auto_map" in _read_object(file):
            raise CodeInCheckpointError(
                file, "'auto_map' asks for code from the model, which is never executed.", "Choose another model."
            )


def _is_single_precision(config: dict[str, Any]) -> bool:
    return (config.get("dtype") or config.get("torch_dtype")) == "float32"


def _measure_weights(path: Path) -> int:
    files = {file.name: file for file in path.glob("*.safetensors")}
    index = path / "model.safetensors.index.json"
    fix = "Copy the whole model directory again."
    if index.exists():
        named = set((_read_object(index).get("weight_map") or {}).values())
        if absent := sorted(named - files.keys()):
            raise WeightsMissingError(path / absent[0], f"the file that {index.name} names is missing.", fix)
    if not files:
        raise WeightsMissingError(path, "there is no *.safetensors file.", "Choose a model with safetensors weights.")
    for file in files.values():
        _check_safetensors(file, fix)
    return sum(file.stat().st_size for file in files.values())


def _check_safetensors(file: Path, fix: str) -> None:
    """The header says where the last tensor ends: a shorter or longer file was cut or is something else."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
        if not 0 < header_bytes <= min(size - 8, MAX_HEADER_BYTES):
            raise WeightsMissingError(file, "the file is not safetensors, or is cut short.", fix)
        try:
            header = json.loads(stream.read(header_bytes))
            end = max((entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise WeightsMissingError(file, "the file is not safetensors.", fix) from None
    if 8 + header_bytes + end != size:
        raise WeightsMissingError(
            file, f"the file has {size} bytes, its header promises {8 + header_bytes + end}.", fix
        )


def _require_tokenizer(path: Path) -> None:
    if not any((path / name).exists() for name in TOKENIZER_FILES):
        raise TokenizerMissingError(
            path, f"there is no tokenizer ({', '.join(TOKENIZER_FILES)}).", "Copy it from the model's own page."
        )
    if any((path / name).exists() for name in CHAT_TEMPLATE_FILES):
        return
    config = path / "tokenizer_config.json"
    if not config.exists() or not _read_object(config).get("chat_template"):
        raise ChatTemplateMissingError(
            config,
            "there is no chat template, so this is probably a base model.",
            "Choose the instruct version, or add a chat_template.jinja.",
        )


def _find_parser(path: Path, parser: EngineParser | None) -> str | None:
    """The parser's name when its token occurs in the vocabulary, as bytes: the files have several formats."""
    if parser is None:
        return None
    files = [path / name for name in VOCABULARY_FILES if (path / name).exists()]
    return parser.name if any(parser.token.encode() in file.read_bytes() for file in files) else None


def _find_licence(card: Path) -> str | None:
    if not card.exists():
        return None
    head = card.read_text(encoding="utf-8", errors="replace")[:4000]
    if not head.startswith("---"):
        return None
    found = LICENCE_LINE.search(head.split("\n---", 1)[0])
    return found.group(1) if found else None
