"""Read ``appliance.yaml`` into :class:`Settings`, or say exactly what is wrong with it."""

import difflib
import functools
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from appliance.settings import environment
from appliance.settings.errors import SettingsError
from appliance.settings.model import Settings


@functools.cache
def load(path: Path | None = None) -> Settings:
    """Return the settings in ``path`` (default: :func:`environment.config_path`); a missing file means all defaults.

    Raises :class:`SettingsError` naming the path of every bad key and, for an unknown one, the nearest valid name.
    """
    source = path or environment.config_path()
    raw = _read(source)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        lines = [f"  {_explain(item, raw)}" for item in error.errors()]
        raise SettingsError("\n".join([f"{source} cannot be used:", *lines])) from None
    base = source.parent if source.exists() else environment.REPOSITORY
    return _with_absolute_paths(settings, base.resolve())


def _read(source: Path) -> dict[str, Any]:
    if not source.exists():
        return {}
    try:
        raw = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{source} is not valid YAML: {error}") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise SettingsError(f"{source} must hold keys and values, not {type(raw).__name__}.")
    return raw


def _with_absolute_paths(settings: Settings, base: Path) -> Settings:
    def absolute(path: Path | None) -> Path | None:
        return None if path is None else (base / path.expanduser()).resolve()

    return settings.model_copy(
        update={
            "data_dir": absolute(settings.data_dir),
            "model": settings.model.model_copy(update={"path": absolute(settings.model.path)}),
            "install": settings.install.model_copy(update={"wheelhouse": absolute(settings.install.wheelhouse)}),
        }
    )


def _explain(item: Any, raw: dict[str, Any]) -> str:
    where = [str(part) for part in item["loc"]]
    dotted = ".".join(where)
    if item["type"] != "extra_forbidden":
        return f"{dotted}: {item['msg']} (found {item['input']!r})."
    names = _names_beside(where)
    nearest = difflib.get_close_matches(where[-1], names, n=1)
    hint = f"did you mean {'.'.join([*where[:-1], nearest[0]])!r}?" if nearest else f"valid here: {', '.join(names)}."
    return f"{dotted}: there is no such key; {hint}"


def _names_beside(where: list[str]) -> list[str]:
    section: type[BaseModel] = Settings
    for part in where[:-1]:
        annotation = section.model_fields[part].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        section = annotation
    return sorted(section.model_fields)
