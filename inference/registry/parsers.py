"""Which of the engine's parsers a model's tool calls and reasoning are read with.

In this order: what ``appliance.yaml`` says, what the catalogue says about the model that a directory came from, and the
family's. A parser that the tokenizer cannot work with is left out, because the engine would not start.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from inference.registry.entry import NO_PARSER, Entry
from inference.registry.errors import ModelError
from inference.registry.families import get_family
from inference.registry.spec import ModelSpec

SNAPSHOT = Path(__file__).with_name("parsers.json")  # of the pinned vLLM; a test compares it with the installed one


class ParserUnknownError(ModelError):
    """The pinned vLLM has no parser of this name."""


@dataclass(frozen=True)
class Known:
    """The names that the pinned vLLM knows."""

    tools: tuple[str, ...]
    reasoning: tuple[str, ...]


@cache
def load_known() -> Known:
    raw = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return Known(tuple(raw["tools"]), tuple(raw["reasoning"]))


def find_entry(hub_id: str | None, entries: Iterable[Entry]) -> Entry | None:
    """The model that upstream or a publisher of other weights calls ``hub_id``."""
    if hub_id is None:
        return None
    wanted = hub_id.casefold()
    return next(
        (it for it in entries if wanted in (it.upstream.casefold(), *(each.hub_id.casefold() for each in it.variants))),
        None,
    )


def with_parsers(spec: ModelSpec, entry: Entry | None) -> ModelSpec:
    """``spec`` has the family's parsers where its tokenizer works with them. Raises ParserUnknownError."""
    options = spec.options
    if spec.purpose != "generation":
        return spec
    if entry is not None and entry.purpose == "generation" and spec.family is not None:
        spec = _with_entry(spec, entry)
    if options.tool_parser is not None:
        spec = replace(spec, tool_parser=_check("model.tool_parser", options.tool_parser, load_known().tools))
    if options.reasoning_parser is not None:
        name = _check("model.reasoning_parser", options.reasoning_parser, load_known().reasoning)
        spec = replace(spec, reasoning_parser=name)
    return spec


def _with_entry(spec: ModelSpec, entry: Entry) -> ModelSpec:
    """What only this model needs. Where it needs what its family does, the tokenizer has had its say already."""
    assert spec.family is not None
    family = get_family(name=spec.family)
    if entry.tool_parser != family.tools.name:
        spec = replace(spec, tool_parser=entry.tool_parser)
    if entry.reasoning_parser != (family.reasoning.name if family.reasoning else None):
        spec = replace(spec, reasoning_parser=entry.reasoning_parser)
    return spec


def _check(key: str, name: str, known: tuple[str, ...]) -> str | None:
    if name == NO_PARSER:
        return None
    if name not in known:
        raise ParserUnknownError(
            f"{key}: vLLM has no parser {name!r}. Correct it in appliance.yaml: {', '.join(known)}, or {NO_PARSER}."
        )
    return name
