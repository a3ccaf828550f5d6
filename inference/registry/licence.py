"""What the licence of one model asks for, in plain words: from the catalogue, else from its own card, else unknown.

Whoever acknowledges it means these words and the licence files beside the weights: ``text_id`` changes with them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inference.registry import origin as origins
from inference.registry.entry import Entry
from inference.registry.errors import OtherLicenceError
from inference.registry.load import Catalogue

UNKNOWN = "unknown"
FILES = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*")
TEXT_ID_CHARACTERS = 16
MAX_FILE_BYTES = 1024 * 1024
Origin = Literal["catalogue", "card", "nobody"]


@dataclass(frozen=True)
class Terms:
    """``id`` is the hub's word for the licence; ``files`` are its texts as they came with the model; ``display`` is
    what has to be shown where it is used, empty when nothing is known to be."""

    id: str
    name: str
    link: str | None
    obligations: tuple[str, ...]
    origin: Origin
    files: tuple[Path, ...]
    text_id: str
    display: str = ""


def build_terms(catalogue: Catalogue, *, hub_id: str | None, card: str | None, folder: Path | None) -> Terms:
    """``card``: what the model's own card declares. ``folder``: its files, where they are here."""
    files = list_files(folder) if folder else ()
    return build_terms_of(catalogue, hub_id=hub_id, card=card, sums={file: _sum(file) for file in files})


def build_terms_of(catalogue: Catalogue, *, hub_id: str | None, card: str | None, sums: Mapping[Path, str]) -> Terms:
    """The same of files that were read elsewhere: ``sums`` is the SHA-256 of each licence's first MiB."""
    entry = find_entry(catalogue, hub_id) if hub_id else None
    key = entry.licence if entry else card
    known = catalogue.licences.get(key) if key else None
    origin: Origin = "catalogue" if entry else "card" if card else "nobody"
    name, link = (known.name, known.link) if known else (key or UNKNOWN, None)
    obligations = tuple(each.text for each in known.obligations) if known else ()
    if entry and card and card != entry.licence:
        obligations = (*obligations, f"Its own card names another licence: {card}.")
    files = tuple(sorted(sums))
    said = [key or UNKNOWN, name, link, obligations, [(file.name, sums[file]) for file in files]]
    text_id = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:TEXT_ID_CHARACTERS]
    return Terms(
        key or UNKNOWN, name, link, obligations, origin, files, text_id, (known.display or "") if known else ""
    )


def find_display(catalogue: Catalogue, *, hub_id: str | None, card: str | None, folder: Path | None) -> str:
    """What the pages have to show beside the model's name, by all that is known of it; empty when that is nothing."""
    known = hub_id or (find_origin(catalogue, folder) if folder else None)
    return build_terms(catalogue, hub_id=known, card=card, folder=None).display


def require_licence(catalogue: Catalogue, folder: Path, *, acknowledged: str, card: str | None) -> None:
    """Raises OtherLicenceError for a model whose licence is known, and is another one. One that nobody wrote down is
    taken to be what was said."""
    terms = build_terms(catalogue, hub_id=find_origin(catalogue, folder), card=card, folder=None)
    if terms.id not in (UNKNOWN, acknowledged):
        raise OtherLicenceError(
            folder,
            f"it is under {terms.id}, and the licence that was acknowledged is {acknowledged}.",
            "Acknowledge the model's own, or choose another model.",
        )


def find_entry(catalogue: Catalogue, hub_id: str) -> Entry | None:
    wanted = hub_id.lower()
    for entry in catalogue.models:
        if wanted in {entry.upstream.lower(), *(variant.hub_id.lower() for variant in entry.variants)}:
            return entry
    return None


def find_origin(catalogue: Catalogue, folder: Path) -> str | None:
    """The hub id whose licence the files in ``folder`` are under: as they were fetched, of what they were quantised
    from, else by name."""
    return origins.find_hub_id(folder) or find_hub_id(catalogue, folder.name)


def find_hub_id(catalogue: Catalogue, folder: str) -> str | None:
    """Of the model whose hub name the folder has, which is all that is known of one that was copied."""
    hub_ids = (each for it in catalogue.models for each in (it.upstream, *(variant.hub_id for variant in it.variants)))
    return next((each for each in hub_ids if each.split("/")[-1].lower() == folder.lower()), None)


def list_files(folder: Path) -> tuple[Path, ...]:
    found = {path for pattern in FILES for path in folder.glob(pattern) if path.is_file()}
    return tuple(sorted(found))


def describe(terms: Terms, model: str) -> str:
    """For a person who has to decide."""
    lines = []
    if terms.name == UNKNOWN:
        lines.append(f"Nobody wrote down which licence {model} has. Ask whoever gave it to you before you use it.")
    else:
        source = {"catalogue": "", "card": ", says its own card", "nobody": ""}[terms.origin]
        lines.append(f"{model} is under {terms.name}{f' ({terms.link})' if terms.link else ''}{source}.")
    if terms.obligations:
        lines += ["It asks for this:", *(f"  - {text}" for text in terms.obligations)]
    elif terms.name != UNKNOWN:
        lines.append("What it asks for is not in the catalogue: read its text.")
    lines += [f"Its text: {file}" for file in terms.files]
    return "\n".join(lines)


def _sum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.sha256(stream.read(MAX_FILE_BYTES)).hexdigest()
