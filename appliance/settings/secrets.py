"""Secrets live in files of mode 0600 below the data directory and never print."""

import errno
import os
import secrets as randomness
from dataclasses import dataclass, field
from pathlib import Path

from appliance.settings.errors import SecretError


@dataclass(frozen=True)
class Secret:
    """A value that shows as stars in logs, tracebacks and ``repr``; read it with :meth:`reveal`."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return "********"


def ensure_secret(directory: Path, name: str, *, length_bytes: int = 32) -> Secret:
    """Return the secret in ``directory/name``, creating it (URL-safe text, mode 0600) when it is not there.

    Two that start at once agree: creation is exclusive, the loser reads what the winner wrote. It is on the disk before
    anything can be locked with it. Raises :class:`SecretError` for a file that is empty, and for a link that root would
    have to follow.
    """
    path = directory / name
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = directory / f".{name}.{randomness.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(randomness.token_urlsafe(length_bytes))
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        _sync_folder(directory)
    value = _read(path).strip()
    if not value:
        raise SecretError(
            f"{path} is empty, probably since the machine lost power. Put the file back from a backup. Where nothing "
            "has ever been stored here, remove it instead: the next `bin/appliance up` makes a new one."
        )
    return Secret(value)


def _read(path: Path) -> str:
    """Root follows no link: the folder is the components' user's, which would be told what only root may read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | (os.O_NOFOLLOW if os.geteuid() == 0 else 0))
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise SecretError(
            f"{path} is a link, which root does not follow. See where it leads to, remove it, and put the secret's "
            "own file back from a backup."
        ) from error
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        return stream.read()


def _sync_folder(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
