"""Which licences were acknowledged, by whom: kept beside the models, and recorded in the audit of the web application.

What cannot be recorded at once, because the appliance is down, is kept and recorded by the next ``up``.
"""

import json
import os
import pwd
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from appliance.local.errors import LocalError
from appliance.local.management import Management
from appliance.settings import Settings
from appliance.settings.files import write_whole
from inference.registry.licence import Terms

FILE = "licences.json"
SCHEMA_VERSION = 1
NAME_CHARACTERS = 100


class NameMissingError(LocalError):
    """An acknowledgement without the name of a person."""


@dataclass(frozen=True)
class Acknowledgement:
    """``name`` is what the person calls themselves, ``os_user`` whose account ran the command; ``text_id`` stands for
    the words that were shown. ``recorded``: it is in the audit."""

    id: str
    at: str
    name: str
    os_user: str
    model: str
    licence: str
    licence_name: str
    text_id: str
    origin: str
    recorded: bool = False


def build_acknowledgement(model: str, terms: Terms, *, name: str) -> Acknowledgement:
    """Raises NameMissingError for a name that is none."""
    name = " ".join(name.split())
    if len(name) < 2 or len(name) > NAME_CHARACTERS or not name.isprintable() or not any(map(str.isalpha, name)):
        raise NameMissingError(
            f'{name!r} is not the name of a person. Say who acknowledges the licence: --as "First Last", at most '
            f"{NAME_CHARACTERS} characters."
        )
    return Acknowledgement(
        str(uuid.uuid4()), datetime.now(UTC).isoformat(timespec="seconds"), name, _read_os_user(), model, terms.id,
        terms.name, terms.text_id, terms.origin,
    )  # fmt: skip


def find_file(settings: Settings) -> Path:
    return settings.data_dir / "model" / FILE


def read_all(settings: Settings) -> tuple[Acknowledgement, ...]:
    """Raises LocalError for a file that cannot be read: nobody is taken to have agreed."""
    file = find_file(settings)
    if not file.exists():
        return ()
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {stored['schema_version']}")
        return tuple(Acknowledgement(**each) for each in stored["acknowledged"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise LocalError(f"{file} cannot be read ({error}). Move it away and acknowledge the licences again.") from None


def find(settings: Settings, model: str, terms: Terms) -> Acknowledgement | None:
    """Of exactly this model revision and these words."""
    found = (each for each in read_all(settings) if (each.model, each.text_id) == (model, terms.text_id))
    return next(found, None)


def keep(settings: Settings, acknowledgement: Acknowledgement) -> None:
    _write(settings, (*read_all(settings), acknowledgement))


def forget(settings: Settings, model: str) -> None:
    """The model was removed: another one that comes under its name is asked about again. The audit keeps what was.

    What is not in the audit yet is kept until it is."""
    _write(settings, tuple(each for each in read_all(settings) if each.model != model or not each.recorded))


def list_pending(settings: Settings) -> tuple[Acknowledgement, ...]:
    return tuple(each for each in read_all(settings) if not each.recorded)


def record_pending(settings: Settings, management: Management) -> int:
    """Write into the audit what is not there yet; how many. Doing it twice writes nothing twice."""
    pending = list_pending(settings)
    for each in pending:
        detail = {key: value for key, value in asdict(each).items() if key != "recorded"}
        management.run("record_acknowledgement", json.dumps({"schema_version": SCHEMA_VERSION, **detail}))
        _write(settings, tuple(replace(it, recorded=True) if it.id == each.id else it for it in read_all(settings)))
    return len(pending)


def _write(settings: Settings, acknowledged: tuple[Acknowledgement, ...]) -> None:
    file = find_file(settings)
    if not acknowledged and not file.exists():
        return
    document = {"schema_version": SCHEMA_VERSION, "acknowledged": [asdict(each) for each in acknowledged]}
    write_whole(file, json.dumps(document, indent=2) + "\n")


def _read_os_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
