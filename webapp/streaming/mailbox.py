"""Where one follower gets its events: what came over Redis, in order, or word that the log has to be read."""

from collections import deque
from collections.abc import Callable
from threading import Lock

from webapp.streaming.types import Event

CAPACITY = 512


class Mailbox:
    """Filled by the listening thread, emptied by one follower. Bounded: what a slow one loses here is in the log.

    ``position`` is the number of the last event its follower has.
    """

    def __init__(self, position: int, wake: Callable[[], None]) -> None:
        self.position = position
        self._wake = wake
        self._lock = Lock()
        self._events: deque[Event] = deque(maxlen=CAPACITY)
        self._behind = False

    def put(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
        self._wake()

    def nudge(self) -> None:
        """Have the follower read the log: something may have been missed."""
        with self._lock:
            self._behind = True
        self._wake()

    def take(self) -> tuple[list[Event], bool]:
        """The events that directly follow ``position`` (it moves with them), and whether to read the log for more."""
        with self._lock:
            waiting, behind = list(self._events), self._behind
            self._events.clear()
            self._behind = False
        following: list[Event] = []
        for event in waiting:
            if event.seq <= self.position:
                continue
            if event.seq > self.position + 1:
                behind = True
                break
            following.append(event)
            self.position = event.seq
        return following, behind
