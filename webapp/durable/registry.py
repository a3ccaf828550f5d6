"""The kinds of durable work: which task does it, on which queue, how often, for how long. Filled at start."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from webapp.durable.errors import UnknownKind

Queue = Literal["runs", "ingestion", "default"]
OnDead = Callable[[UUID, str], None]


@dataclass(frozen=True)
class Kind:
    """One kind of work. ``on_dead`` runs in the transaction that gives the work up."""

    name: str
    task_name: str
    queue: Queue
    max_attempts: int
    lease_seconds: float
    on_dead: OnDead | None


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Add or replace a kind."""
    if kind.max_attempts < 1 or kind.lease_seconds <= 0:
        raise ValueError(f"{kind.name}: max_attempts and lease_seconds must be positive")
    _kinds[kind.name] = kind


def get_kind(name: str) -> Kind:
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKind(name) from None


def list_kinds() -> list[Kind]:
    return list(_kinds.values())
