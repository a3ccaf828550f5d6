"""The streaming room's face: the log of a run, and following it live."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from uuid import UUID

from webapp.durable.types import LeaseGrant
from webapp.streaming import follow as following
from webapp.streaming import log
from webapp.streaming.types import Event


def append(
    *,
    run_id: UUID,
    type: str,  # noqa: A002 - the event's own word
    data: Mapping[str, Any],
    grant: LeaseGrant | None = None,
    attempt: int = 0,
) -> Event:
    """Add an event in the caller's transaction (or its own); followers hear of it when it commits.

    Under a ``grant`` its attempt is the event's, and an old fence is refused. Nothing follows a final event.
    Raises LeaseLost, LogClosed, EventRefused.
    """
    return log.append(run_id, type, data, grant, attempt)


def read(*, run_id: UUID, after: int = 0, limit: int = 1000) -> list[Event]:
    """The events after ``after``, in order."""
    return log.read(run_id, after, limit)


def delete(*, run_id: UUID) -> None:
    """Remove a run's log. Its followers end."""
    log.delete(run_id)


def follow(*, run_id: UUID, after: int = 0, heartbeat_seconds: float = 1.0) -> Iterator[Event | None]:
    """The events after ``after`` and then those that come, until the run's final one; ``None`` when nothing has come
    for a while. Ends too when the log is deleted."""
    return following.follow(run_id, after, heartbeat_seconds)


def sse(*, run_id: UUID, after: int = 0, heartbeat_seconds: float = 15.0) -> AsyncIterator[bytes]:
    """The same as server-sent events: the event's number is its ``id``, its type the ``event``, its data the ``data``
    as JSON; a comment when nothing has come for a while. The caller passes ``Last-Event-ID`` as ``after`` and has
    checked who asks. Holds no database connection while it waits."""
    return following.stream_sse(run_id, after, heartbeat_seconds)
