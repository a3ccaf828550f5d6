"""The catalogue of this installation: what the appliance ships, with the models that ``appliance.yaml`` adds."""

from pathlib import Path
from typing import Any

import yaml

from appliance.settings import Settings, environment
from inference.registry.errors import CatalogueError, OwnCatalogueError
from inference.registry.load import SOURCE, Catalogue, load_catalogue, parse_catalogue

SECTION = "catalogue"


def load_own_catalogue(settings: Settings) -> Catalogue:
    """Raises OwnCatalogueError, which names the configuration file and each key that is wrong."""
    own = settings.catalogue
    if not (own.models or own.sources or own.licences):
        return load_catalogue()
    return merge_catalogue(
        {"models": list(own.models), "sources": own.sources, "licences": own.licences}, path=environment.config_path()
    )


def merge_catalogue(own: dict[str, Any], *, path: Path) -> Catalogue:
    """``own`` has the same three keys as ``models.yaml``; nothing that is shipped may be replaced by it."""
    shipped = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    taken = [
        f"{SECTION}.{kind}.{key} is the name of something that the appliance ships; choose another"
        for kind in ("sources", "licences")
        for key in sorted(own[kind].keys() & shipped[kind].keys())
    ]
    if taken:
        raise OwnCatalogueError(path, taken)
    raw = {
        **shipped,
        "sources": {**shipped["sources"], **own["sources"]},
        "licences": {**shipped["licences"], **own["licences"]},
        "models": [*shipped["models"], *own["models"]],
    }
    try:
        return parse_catalogue(raw, path=path)
    except CatalogueError as error:
        raise OwnCatalogueError(path, [f"{SECTION}.{problem}" for problem in error.problems]) from None
