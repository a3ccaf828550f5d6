"""What this installation pinned: for weights of the catalogue, their commit, size and sums, read at a hub or in a copy.

``<data_dir>/model/pins.json``. A pin fills what the catalogue has as null and replaces nothing that it states.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from appliance.settings.files import write_whole
from inference.registry.entry import Closed, Commit, Count, HubId, Sha256, Text, Variant
from inference.registry.errors import ModelError
from inference.registry.load import Catalogue

NAME = "pins.json"
FACTS = ("revision", "bytes_on_disk", "sha256")
DATE_CHARACTERS = len("2026-01-31")


class PinsUnreadableError(ModelError):
    """The file of pins says something it may not: correct it, or remove it and pin again."""


class Facts(Closed):
    """Of one set of weights, as they were read in one place; null is what that place did not say. ``sha256`` is of each
    weights file, ``bytes_on_disk`` of all of them together."""

    revision: Commit | None
    bytes_on_disk: Count | None
    sha256: dict[str, Sha256] | None
    origin: Text
    pinned_at: Text
    tool_version: Text


class Pin(Facts):
    """``replaced``: what was pinned before and taken back with ``--replace``, newest last."""

    replaced: tuple[Facts, ...] = ()

    @property
    def date(self) -> str:
        return self.pinned_at[:DATE_CHARACTERS]


class PinFile(Closed):
    schema_version: Literal[1]
    pins: dict[HubId, Pin]


Pins = Mapping[str, Pin]


def read_pins(models_dir: Path) -> dict[str, Pin]:
    """By hub id; empty where nothing was pinned. Raises PinsUnreadableError."""
    file = models_dir / NAME
    try:
        return PinFile.model_validate_json(file.read_bytes()).pins
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        what = f"{error.error_count()} problems" if isinstance(error, ValidationError) else str(error)
        raise PinsUnreadableError(
            f"{file} cannot be read ({what}). Restore it from a backup, or remove it and pin again: bin/appliance "
            "models pin."
        ) from None


def write_pins(models_dir: Path, pins: Pins) -> None:
    """Hold the store's lock. The old file stays until the new one is whole."""
    text = PinFile(schema_version=1, pins=dict(sorted(pins.items()))).model_dump_json(indent=1)
    write_whole(models_dir / NAME, text + "\n")


def apply_pins(catalogue: Catalogue, pins: Pins) -> Catalogue:
    """The catalogue with what was pinned in the place of nulls; itself where nothing was."""
    if not any(pins.get(variant.hub_id) for entry in catalogue.models for variant in entry.variants):
        return catalogue
    models = tuple(
        entry.model_copy(
            update={"variants": tuple(fill(variant, pins.get(variant.hub_id)) for variant in entry.variants)}
        )
        for entry in catalogue.models
    )
    return catalogue.model_copy(update={"models": models})


def fill(variant: Variant, pin: Pin | None) -> Variant:
    facts = {name: getattr(pin, name) for name in list_filled(variant, pin)}
    return variant.model_copy(update=facts) if facts else variant


def list_filled(variant: Variant, pin: Facts | None) -> tuple[str, ...]:
    """Which facts of a variant, as the catalogue has it, are the pin's."""
    if pin is None:
        return ()
    return tuple(name for name in FACTS if getattr(variant, name) is None and getattr(pin, name) is not None)


def describe_pin(pin: Pin) -> str:
    return f"pinned here on {pin.date}"


def build_fragment(variant: Variant, pin: Pin) -> dict[str, Any]:
    """What belongs into ``models.yaml`` for this set of weights: facts that are still null there."""
    return {"hub_id": variant.hub_id, **{name: getattr(pin, name) for name in list_filled(variant, pin)}}
