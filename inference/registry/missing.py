"""Which facts about a model nobody could check: what is null in the catalogue, by the path to it."""

from collections.abc import Iterator

from pydantic import BaseModel

from inference.registry.entry import Entry
from inference.registry.load import Catalogue


def list_missing(entry: Entry, catalogue: Catalogue) -> tuple[str, ...]:
    """Paths in the order of the file; a variant goes by its name, a cited source by its key.

    A field that was left out does not apply to the model, and is not missing.
    """
    sources = [f"sources.{key}.address" for key in entry.cited if catalogue.sources[key].lacks_address]
    return (*_walk(entry, ""), *sources)


def _walk(value: object, path: str) -> Iterator[str]:
    if value is None or value == ():
        yield path
    elif isinstance(value, BaseModel):
        for field in type(value).model_fields:
            if field in value.model_fields_set:
                yield from _walk(getattr(value, field), f"{path}.{field}" if path else field)
    elif isinstance(value, tuple):
        for index, part in enumerate(value):
            yield from _walk(part, f"{path}[{getattr(part, 'name', index)}]")
