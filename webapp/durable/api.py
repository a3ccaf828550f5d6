"""The durable room's face: one owner for each piece of work, proven to the database by a fencing token.

Any table can refuse late writers by the trigger ``durable_refuse_old_fence()``: with columns ``lease_kind``,
``lease_subject`` and ``fence``, or with arguments ``('kind', 'subject_column', 'fence_column')``. A row whose fence is
NULL is written by no owner and passes. Fire it ``BEFORE INSERT OR UPDATE OF fence_column`` where others update the row
too. Owners write before they ``finish``, ``retry`` or ``bury``: afterwards they are owners no more.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

from django.db import Error

from webapp.durable import draining, heartbeat, leases, registry
from webapp.durable import sweep as sweeping
from webapp.durable.errors import LeaseLost
from webapp.durable.heartbeat import Held
from webapp.durable.types import LeaseGrant

OLD_FENCE = "DF001"


def register(
    *,
    kind: str,
    task_name: str,
    max_attempts: int,
    lease_seconds: float = 10,
    queue: registry.Queue = "default",
    on_dead: registry.OnDead | None = None,
) -> None:
    """Declare a kind of work. The task gets the subject's id as text; ``on_dead(subject_id, error)`` runs in the
    transaction that gives the work up after the last attempt."""
    registry.register(registry.Kind(kind, task_name, queue, max_attempts, lease_seconds, on_dead))


def enqueue(*, kind: str, subject_id: UUID) -> None:
    """Queue the subject in the caller's transaction and wake a worker when it commits. Does nothing while the subject
    is queued or being worked on; starts again when it was finished or given up. Never fails for want of a broker."""
    leases.enqueue(registry.get_kind(kind), subject_id)


def acquire(*, kind: str, subject_id: UUID, early: bool = False) -> LeaseGrant | None:
    """Become the owner, with a higher fence than anybody before; ``None`` when the work is not to be had.

    ``early`` takes work that pauses before its next attempt, to end it rather than to try again."""
    return leases.acquire(registry.get_kind(kind), subject_id, early=early)


def hold(grant: LeaseGrant) -> AbstractContextManager[Held]:
    """Extend the lease from a thread while the block runs. Gives an object with ``lost``, ``grant_is_current()`` and
    ``raise_if_lost()``."""
    return heartbeat.hold(grant)


def check(grant: LeaseGrant) -> None:
    """Inside a transaction: keep the lease from changing hands until it ends, or raise LeaseLost."""
    leases.check(grant)


@contextmanager
def fenced_writes(grant: LeaseGrant) -> Iterator[None]:
    """Turn the database's refusal of an old fence into LeaseLost."""
    try:
        yield
    except Error as error:
        if getattr(error.__cause__, "sqlstate", None) == OLD_FENCE:
            raise LeaseLost(grant.kind, grant.subject_id) from error
        raise


def finish(grant: LeaseGrant) -> None:
    """The work is done. Raises LeaseLost when it is somebody else's."""
    leases.finish(grant)


def retry(grant: LeaseGrant, *, delay_seconds: float, error: str, count_attempt: bool = True) -> bool:
    """Hand the work back to be tried again; false when that was the last attempt and it has been given up instead."""
    return leases.retry(grant, delay_seconds, error, count_attempt)


def bury(grant: LeaseGrant, *, error: str) -> None:
    """Give the work up for good; calls ``on_dead``."""
    leases.bury(grant, error)


def forget(*, kind: str, subject_id: UUID) -> None:
    """Remove the lease because its subject goes away: whoever works on it loses it."""
    leases.forget(registry.get_kind(kind), subject_id)


def sweep() -> int:
    """Wake workers for overdue work and give up what has no attempts left; returns how many wake-ups were sent."""
    return sweeping.sweep()


def is_draining() -> bool:
    """Whether this worker was told to stop: hand the work back with ``retry(delay_seconds=0, count_attempt=False)``."""
    return draining.is_draining()
