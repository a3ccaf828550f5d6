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
    """A lease being kept. ``lost`` turns true, once and for ever, when it is somebody else's or that cannot be excluded."""

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

    def _beat(self) -> bool:
        """Whether the database still says that the lease is ours."""
        try:
            return extend(self.grant)
        finally:
            connection.close()

    def _keep(self) -> None:
        interval = min(self._lease_seconds / BEATS_PER_LEASE, LONGEST_BEAT_SECONDS)
        # Only ever makes us give up earlier: ownership itself is decided by the database's clock.
        last_beat = time.monotonic()
        while not self._released.wait(interval):
            began = time.monotonic()
            try:
                if self._beat():
                    last_beat = began
                    continue
                log.warning("Lost the lease on %s %s.", self.grant.kind, self.grant.subject_id)
            except Error as error:
                if time.monotonic() - last_beat < self._lease_seconds:
                    continue
                log.warning("No heartbeat for %s %s: %s", self.grant.kind, self.grant.subject_id, error)
            self._lost.set()
            return


@contextmanager
def hold(grant: LeaseGrant) -> Iterator[Held]:
    """Extend the lease until the block ends. The block looks at ``lost`` between its steps."""
    held = Held(grant)
    thread = Thread(target=held._keep, name=f"heartbeat-{grant.subject_id}", daemon=True)
    thread.start()
    try:
        yield held
    finally:
        held._released.set()
        thread.join()
