"""Secrets live in files of mode 0600 below the data directory and never print."""

import os
import secrets as randomness
from dataclasses import dataclass, field
from pathlib import Path


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

    Two that start at once agree: creation is exclusive, the loser reads what the winner wrote.
    """
    path = directory / name
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = directory / f".{name}.{randomness.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(randomness.token_urlsafe(length_bytes))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return Secret(path.read_text().strip())
