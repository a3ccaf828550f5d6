"""What the verbs about models share: the catalogue of this installation, and its errors as the operator's."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from appliance.local.errors import LocalError
from appliance.settings import SettingsError, load
from inference.planning.errors import PlanningError
from inference.registry.entry import Entry
from inference.registry.errors import ModelError, OwnCatalogueError
from inference.registry.load import Catalogue
from inference.registry.own import MODELS, load_own_catalogue, load_unpinned_catalogue
from inference.registry.pins import Pin, list_filled, read_pins

LISTED = "All there are: bin/appliance models list"
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


def get_entry(catalogue: Catalogue, name: str, *, also: Iterable[str] = ()) -> Entry:
    """Raises LocalError, which names the closest that there are, also of these other names."""
    if (entry := find_entry(catalogue, name)) is not None:
        return entry
    closest = list_closest(name, [*list_names(catalogue), *also])
    near = f" Closest to it: {', '.join(closest)}." if closest else ""
    raise LocalError(f"There is no model {name!r} in the catalogue.{near} {LISTED}")


def list_names(catalogue: Catalogue) -> list[str]:
    """What people call models by: ids, then the hub ids of weights."""
    return [it.id for it in catalogue.models] + [each.hub_id for it in catalogue.models for each in it.variants]


def list_closest(name: str, known: Iterable[str]) -> list[str]:
    """The most alike first, at most three, whatever the case."""
    by_lower = {each.lower(): each for each in known}
    return [by_lower[each] for each in difflib.get_close_matches(name.lower(), by_lower)]
