"""Secrets live in files of mode 0600 below the data directory and never print."""

import os
import secrets as randomness
from dataclasses import dataclass, field
from pathlib import Path

from appliance.settings.errors import SecretError
from appliance.settings.files import FILE_FLAGS, UnsafePathError, make_folder, open_folder, open_kept


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
    anything can be locked with it. Raises :class:`SecretError` for a file that is empty, and for
    one that root must not read.
    """
    path = directory / name
    if not path.exists():
        make_folder(directory, mode=0o700)
        _make(path, randomness.token_urlsafe(length_bytes))
    try:
        with open_kept(path, "r") as handle:
            value = handle.read().strip()
    except UnsafePathError as error:
        raise SecretError(f"{error} Put the secret's own file back from a backup.") from None
    if not value:
        raise SecretError(
            f"{path} is empty, probably since the machine lost power. Put the file back from a backup. Where nothing "
            "has ever been stored here, remove it instead: the next `bin/appliance up` makes a new one."
        )
    return Secret(value)


def _make(path: Path, text: str) -> None:
    draft = f".{path.name}.{randomness.token_hex(8)}"
    with open_folder(path.parent) as folder:
        descriptor = os.open(draft, FILE_FLAGS, 0o600, dir_fd=folder)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(draft, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except FileExistsError:
            pass
        finally:
            os.unlink(draft, dir_fd=folder)
        os.fsync(folder)
