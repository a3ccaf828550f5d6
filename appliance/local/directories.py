"""The folders below the data directory, made for the user that components run as."""

import stat
from pathlib import Path

from appliance.local.errors import LocalError
from appliance.local.identity import Identity
from appliance.settings import Settings

SECRETS = ("django", "postgres-superuser", "postgres-application", "redis")
PUBLIC_FOLDER = 0o755
PRIVATE_FOLDER = 0o700


def ensure_directories(settings: Settings, identity: Identity) -> None:
    """Make every folder and secret that is missing. Raises :class:`LocalError` for a folder that cannot be trusted."""
    ensure_folder(settings.data_dir, identity, mode=PUBLIC_FOLDER)
    for name in ("cache", "cache/home", "model"):
        ensure_folder(settings.data_dir / name, identity, mode=PUBLIC_FOLDER)
    for folder in (settings.secrets_dir, settings.log_dir, settings.run_dir):
        ensure_folder(folder, identity, mode=PRIVATE_FOLDER)
    for name in SECRETS:
        settings.secret(name)
    identity.own(settings.secrets_dir)


def ensure_folder(folder: Path, identity: Identity, *, mode: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
        status = folder.lstat()
    except OSError as error:
        raise LocalError(
            f"{folder} cannot be made: {error.strerror}. Name another folder as data_dir in appliance.yaml."
        ) from error
    if stat.S_ISLNK(status.st_mode) or status.st_uid not in (0, identity.uid):
        raise LocalError(f"{folder} belongs to somebody else (user id {status.st_uid}). Remove it, or change data_dir.")
    if identity.prefix and status.st_uid != identity.uid:
        identity.own(folder)
