"""Read ``models.yaml``: the only place where facts about models are written down."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import ValidationError, model_validator

from inference.registry.entry import Closed, Entry, Licence, Source
from inference.registry.errors import CatalogueError

SOURCE = Path(__file__).with_name("models.yaml")


class Catalogue(Closed):
    """Every model the appliance knows by name, with the licences and sources that they refer to."""

    schema_version: Literal[1]
    sources: dict[str, Source]
    licences: dict[str, Licence]
    models: tuple[Entry, ...]

    @model_validator(mode="after")
    def _references_lead_somewhere(self) -> Self:
        cited = [(f"licences.{key}", each.source) for key, it in self.licences.items() for each in it.obligations]
        cited += [(entry.id, key) for entry in self.models for key in entry.cited]
        if unknown := sorted({f"{where} cites {key!r}" for where, key in cited if key not in self.sources}):
            raise ValueError(f"not under sources: {'; '.join(unknown)}")
        if idle := sorted(self.sources.keys() - {key for _, key in cited}):
            raise ValueError(f"sources that nothing cites: {', '.join(idle)}")
        if unlicensed := [entry.id for entry in self.models if entry.licence not in self.licences]:
            raise ValueError(f"their licence is not under licences: {', '.join(unlicensed)}")
        ids = [entry.id for entry in self.models]
        if twice := sorted({each for each in ids if ids.count(each) > 1}):
            raise ValueError(f"named twice: {', '.join(twice)}")
        return self

    def get_entry(self, entry_id: str) -> Entry:
        return next(entry for entry in self.models if entry.id == entry_id)


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """The catalogue this version ships. Raises CatalogueError."""
    return read_catalogue(SOURCE)


def read_catalogue(path: Path) -> Catalogue:
    """Raises CatalogueError, which names the file and each key that is wrong."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise CatalogueError(path, [f"it cannot be read ({error})"]) from None
    return parse_catalogue(raw, path=path)


def parse_catalogue(raw: Any, *, path: Path = SOURCE) -> Catalogue:
    try:
        return Catalogue.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        problems = [f"{_write_path(each['loc'], raw)}: {each['msg']}" for each in error.errors(include_url=False)]
        raise CatalogueError(path, problems) from None


def _write_path(location: tuple[int | str, ...], raw: Any) -> str:
    """``models[qwen3-8b].architecture.layers``: a model by its id rather than by its place in the file."""
    words = ""
    for part in location:
        if isinstance(part, int):
            named = raw[part] if isinstance(raw, list) and part < len(raw) else None
            words += f"[{named['id'] if isinstance(named, dict) and 'id' in named else part}]"
        else:
            words += f".{part}" if words else part
        raw = _step(raw, part)
    return words or "the file"


def _step(raw: Any, part: int | str) -> Any:
    try:
        return raw[part]
    except (KeyError, IndexError, TypeError):
        return None
