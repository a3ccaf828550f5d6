"""Keep a lease alive from a thread while its owner works."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.db import Error, connection

from webapp.durable.errors import LeaseLost
from webapp.durable.leases import extend
from webapp.durable.registry import get_kind
from webapp.durable.types import LeaseGrant

log = logging.getLogger(__name__)

BEATS_PER_LEASE = 4
LONGEST_BEAT_SECONDS = 2.0


class Held:
    """A lease being kept. ``lost`` turns true for ever when it is somebody else's, or when that cannot be excluded."""

    def __init__(self, grant: LeaseGrant) -> None:
        self.grant = grant
        self._lost = Event()
        self._released = Event()
        self._lease_seconds = get_kind(grant.kind).lease_seconds

    @property
    def lost(self) -> bool:
        return self._lost.is_set()

    def grant_is_current(self) -> bool:
        return not self.lost

    def raise_if_lost(self) -> None:
        if self.lost:
            raise LeaseLost(self.grant.kind, self.grant.subject_id)

    def release(self) -> None:
        """Stop extending."""
        self._released.set()

    def keep(self) -> None:
        """Extend until released or lost; the heartbeat's thread runs this."""
        interval = min(self._lease_seconds / BEATS_PER_LEASE, LONGEST_BEAT_SECONDS)
        # Only ever makes us give up earlier: who owns the lease is decided by the database's clock.
        last_beat = time.monotonic()
        while not self._released.wait(interval):
            began = time.monotonic()
            try:
                still_ours = self._beat()
            except Error as error:
                if time.monotonic() - last_beat < self._lease_seconds:
                    continue
                log.warning("No heartbeat reaches the database for %s: %s", self._name, error)
                still_ours = False
            if not still_ours:
                log.info("The lease on %s is not held here any more.", self._name)
                self._lost.set()
                return
            last_beat = began

    @property
    def _name(self) -> str:
        return f"{self.grant.kind} {self.grant.subject_id}"

    def _beat(self) -> bool:
        try:
            return extend(self.grant)
        finally:
            connection.close()


@contextmanager
def hold(grant: LeaseGrant) -> Iterator[Held]:
    """Extend the lease until the block ends. The block looks at ``lost`` between its steps."""
    held = Held(grant)
    thread = Thread(target=held.keep, name=f"heartbeat-{grant.subject_id}", daemon=True)
    thread.start()
    try:
        yield held
    finally:
        held.release()
        thread.join()
