"""What was already done for the processes that run now, so that a second ``up`` has nothing to do."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.local.identity import Identity
from appliance.settings import Settings
from appliance.settings.files import remove_file, write_whole


@dataclass(frozen=True)
class Prepared:
    """``release`` is the web application's digest that the database is migrated for; ``endpoints`` what it was told
    about models; ``demonstration`` the digest of the documents that were loaded; ``reason`` why this model answers, or
    none does (``lacks_model``)."""

    release: str = ""
    endpoints: str = ""
    demonstration: str = ""
    reason: str = ""
    lacks_model: bool = False


def prepared_file(settings: Settings) -> Path:
    return settings.run_dir / "prepared.json"


def read_prepared(settings: Settings) -> Prepared:
    """Nothing is prepared where the file is missing or from another version: doing it again is always right."""
    try:
        return Prepared(**json.loads(prepared_file(settings).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Prepared()


def write_prepared(settings: Settings, identity: Identity, prepared: Prepared) -> None:
    write_whole(prepared_file(settings), json.dumps(asdict(prepared)), mode=0o600, owner=identity.owner)


def forget_prepared(settings: Settings) -> None:
    remove_file(prepared_file(settings))
