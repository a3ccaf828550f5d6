"""The folders below the data directory, made for the user that components run as."""

from pathlib import Path

from appliance.local.errors import LocalError
from appliance.local.identity import Identity, may_change
from appliance.settings import Settings
from appliance.settings.files import UnsafePathError, make_folder

SECRETS = ("django", "postgres-superuser", "postgres-application", "redis")
PUBLIC_FOLDER = 0o755
PRIVATE_FOLDER = 0o700
MARK = "secrets"  # what a folder holds that an appliance keeps its state in
UNREMARKABLE = frozenset({"appliance.lock", "lost+found"})  # also in a folder that was made for us, or a new disk


def ensure_directories(settings: Settings, identity: Identity) -> None:
    """Make every folder and secret that is missing. Raises :class:`LocalError` for a folder that cannot be trusted."""
    _refuse_changeable(settings.data_dir, identity)
    _refuse_somebody_elses(settings.data_dir)
    ensure_folder(settings.data_dir, identity, mode=PUBLIC_FOLDER)
    for folder in (settings.data_dir / MARK, settings.log_dir, settings.run_dir):
        ensure_folder(folder, identity, mode=PRIVATE_FOLDER)
    for name in ("cache", "cache/home", "model", "events"):
        ensure_folder(settings.data_dir / name, identity, mode=PUBLIC_FOLDER)
    for name in SECRETS:
        settings.secret(name)
    identity.own(settings.secrets_dir)


def _refuse_changeable(data_dir: Path, identity: Identity) -> None:
    """As root: the components' user could put another folder, or a link, in the place of one on the way."""
    for folder in data_dir.parents if identity.prefix else ():
        if may_change(folder, uid=identity.uid, gid=identity.gid):
            raise UnsafePathError(
                f"{folder} may be changed by the components' own user, who could put something else in the place of "
                f"{data_dir}, which root is to write in. Give {folder} to root (chown root, chmod go-w), or name "
                "another folder as data_dir in appliance.yaml."
            )


def _refuse_somebody_elses(data_dir: Path) -> None:
    """A folder with other things in it is not taken over, least of all by root."""
    try:
        found = {entry.name for entry in data_dir.iterdir()} if data_dir.exists() else set()
    except OSError as error:
        raise LocalError(f"{data_dir} cannot be read: {error.strerror}. Correct its owner and mode.") from error
    if MARK not in found and (strange := sorted(found - UNREMARKABLE)):
        raise LocalError(
            f"{data_dir} holds other things ({', '.join(strange[:3])}), so it is not made the appliance's own. Name a "
            "folder as data_dir in appliance.yaml that is empty or does not exist yet."
        )


def ensure_folder(folder: Path, identity: Identity, *, mode: int) -> None:
    try:
        status = make_folder(folder, mode=mode)
    except OSError as error:
        raise LocalError(
            f"{folder} cannot be made: {error.strerror}. Name another folder as data_dir in appliance.yaml."
        ) from error
    if folder.is_symlink() or status.st_uid not in (0, identity.uid):
        raise LocalError(f"{folder} belongs to somebody else (user id {status.st_uid}). Remove it, or change data_dir.")
    if identity.prefix and status.st_uid != identity.uid:
        identity.own(folder)
