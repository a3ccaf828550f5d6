"""Read ``appliance.yaml`` into :class:`Settings`, or say exactly what is wrong with it."""

import difflib
import functools
import os
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from appliance.settings import environment
from appliance.settings.errors import SettingsError
from appliance.settings.model import Settings

WORDS = {
    "model_type": "this is a section, so it needs keys of its own below it",
    "dict_type": "this needs names of its own below it, each with its value",
    "path_type": "should be a path",
    "tuple_type": "should be a list",
}


@functools.cache
def load(path: Path | None = None) -> Settings:
    """Return the settings in ``path`` (default: :func:`environment.config_path`); a missing file means all defaults.

    Raises :class:`SettingsError` naming the path of every bad key and, for an unknown one, the nearest valid name.
    """
    source = path or environment.config_path()
    if path is None:
        _require_named(source)
    raw = _read(source)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        lines = [f"  {explain(item)}" for item in error.errors()]
        raise SettingsError("\n".join([f"{source} cannot be used:", *lines])) from None
    base = source.parent if source.exists() else environment.REPOSITORY
    return _with_absolute_paths(settings, base.resolve())


def _require_named(source: Path) -> None:
    """A file that somebody named is there, or all their settings would silently be the defaults."""
    if source.absolute() != environment.default_config_path() and not os.path.lexists(source):
        raise SettingsError(
            f"APPLIANCE_CONFIG names {source}, and there is no such file. Correct or unset it, or make the file: an "
            "empty one means every default."
        )


class _Loader(yaml.SafeLoader):
    """YAML's own loader takes the last of two equal keys and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _value in node.value:
            word = getattr(key, "value", None)
            if isinstance(word, str) and word in seen and word != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"{word!r} is there twice; leave one of them out", key.start_mark
                )
            seen.add(word if isinstance(word, str) else None)
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def _read(source: Path) -> dict[str, Any]:
    if not os.path.lexists(source):
        return {}
    try:
        raw = yaml.load(source.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{source} is not valid YAML: {error}") from None
    except OSError as error:
        raise SettingsError(
            f"{source} cannot be read: {error.strerror}. It has to be a file that this user may read."
        ) from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise SettingsError(f"{source} must hold keys and values, not {type(raw).__name__}.")
    return raw


def _with_absolute_paths(settings: Settings, base: Path) -> Settings:
    """Every path in every section, relative to the file it was read from."""

    def resolve(value: Any) -> Any:
        if isinstance(value, Path):
            return (base / value.expanduser()).resolve()
        if isinstance(value, BaseModel):
            return value.model_copy(update={name: resolve(getattr(value, name)) for name in type(value).model_fields})
        if isinstance(value, dict):
            return {name: resolve(each) for name, each in value.items()}
        return value

    absolute: Settings = resolve(settings)
    return absolute


def explain(item: Any) -> str:
    """One of pydantic's errors in the words of whoever writes the file, with the path of the key."""
    where = [str(part) for part in item["loc"] if part != "[key]"]
    dotted = ".".join(where) or "the file"
    if item["type"] == "value_error":
        # A section does not know where it stands; what the check of the whole file says names its keys itself.
        return f"{dotted}: {item['ctx']['error']}" if where else str(item["ctx"]["error"])
    if item["type"] == "missing":
        return f"{dotted}: this key is needed; it has no default."
    if item["type"] != "extra_forbidden":
        return f"{dotted}: {_in_words(item)} (found {item['input']!r})."
    names = _names_beside(where)
    nearest = difflib.get_close_matches(where[-1], names, n=1)
    if not nearest and (elsewhere := _find_elsewhere(where[-1])):
        return f"{dotted}: there is no such key; did you mean {elsewhere!r}?"
    hint = f"did you mean {'.'.join([*where[:-1], nearest[0]])!r}?" if nearest else f"valid here: {', '.join(names)}."
    return f"{dotted}: there is no such key; {hint}"


def _in_words(item: Any) -> str:
    if item["type"] == "too_long":
        return f"should have at most {item['ctx']['max_length']} entries"
    return WORDS.get(item["type"]) or str(item["msg"]).removeprefix("Input ").removeprefix("String ")


def _names_beside(where: list[str]) -> list[str]:
    """The keys of the section that ``where`` is in; of the nearest section above it where it is in none."""
    section: type[BaseModel] = Settings
    parts = iter(where[:-1])
    for part in parts:
        field = section.model_fields.get(part)
        inside = None if field is None else field.annotation
        if get_origin(inside) is dict:
            inside = get_args(inside)[1] if next(parts, None) is not None else None  # its keys are names
        if not (isinstance(inside, type) and issubclass(inside, BaseModel)):
            break
        section = inside
    return sorted(section.model_fields)


def _find_elsewhere(name: str) -> str | None:
    """The path of the one key of this name in another section, for keys written in the wrong place."""
    found = [
        f"{section}.{name}"
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type)
        and issubclass(field.annotation, BaseModel)
        and name in field.annotation.model_fields
    ]
    return found[0] if len(found) == 1 else None
