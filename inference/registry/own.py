"""The catalogue of this installation: what the appliance ships, with the models that ``appliance.yaml`` adds and the
commits, sizes and sums that were pinned here."""

from pathlib import Path
from typing import Any

import yaml

from appliance.settings import Settings, environment
from inference.registry.errors import CatalogueError, OwnCatalogueError
from inference.registry.load import SOURCE, Catalogue, load_catalogue, parse_catalogue
from inference.registry.pins import apply_pins, read_pins

SECTION = "catalogue"
MODELS = "model"


def load_own_catalogue(settings: Settings) -> Catalogue:
    """With what was pinned here in the place of nulls. Raises OwnCatalogueError and PinsUnreadableError."""
    return apply_pins(load_unpinned_catalogue(settings), read_pins(settings.data_dir / MODELS))


def load_unpinned_catalogue(settings: Settings) -> Catalogue:
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
