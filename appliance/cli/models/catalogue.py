"""What the verbs about models share: the catalogue of this installation, and its errors as the operator's."""

from collections.abc import Iterator
from contextlib import contextmanager

from appliance.local.errors import LocalError
from appliance.settings import SettingsError, load
from inference.planning.errors import PlanningError
from inference.registry.entry import Entry
from inference.registry.errors import ModelError, OwnCatalogueError
from inference.registry.load import Catalogue
from inference.registry.own import MODELS, load_own_catalogue, load_unpinned_catalogue
from inference.registry.pins import Pin, list_filled, read_pins

Filled = dict[str, tuple[Pin, tuple[str, ...]]]


@contextmanager
def explained() -> Iterator[None]:
    """What the registry and the planner refuse, in words and with an exit code: a wrong appliance.yaml is one thing,
    a wrong model another."""
    try:
        yield
    except OwnCatalogueError as error:
        raise SettingsError(str(error)) from None
    except (ModelError, PlanningError) as error:
        raise LocalError(str(error)) from None


def read_catalogue() -> Catalogue:
    return load_own_catalogue(load())


def read_filled() -> Filled:
    """What was pinned here, by hub id, and which facts of the catalogue are the pin's."""
    settings = load()
    pins = read_pins(settings.data_dir / MODELS)
    found: Filled = {}
    for entry in load_unpinned_catalogue(settings).models if pins else ():
        for variant in entry.variants:
            if facts := list_filled(variant, pins.get(variant.hub_id)):
                found[variant.hub_id] = (pins[variant.hub_id], facts)
    return found


def find_entry(catalogue: Catalogue, name: str) -> Entry | None:
    """By its id, or by the hub id or name of any of its weights, whatever the case."""
    wanted = name.lower()
    for entry in catalogue.models:
        names = {entry.id, entry.upstream.lower(), entry.name.lower()}
        names |= {known.lower() for variant in entry.variants for known in (variant.hub_id, variant.name)}
        if wanted in names:
            return entry
    return None


def get_entry(catalogue: Catalogue, name: str) -> Entry:
    """Raises LocalError, which lists what there is."""
    if (entry := find_entry(catalogue, name)) is not None:
        return entry
    known = ", ".join(each.id for each in catalogue.models)
    raise LocalError(f"There is no model {name!r} in the catalogue: {known}.")
