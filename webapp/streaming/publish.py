"""Tell followers about an event that is committed. A failure is never the writer's: followers read the log."""

import json
import logging
import time
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

from redis import RedisError

from webapp.streaming.redis import client
from webapp.streaming.types import Event

log = logging.getLogger(__name__)

CHANNEL_PREFIX = "run:"
PAUSE_SECONDS = 1.0

# What followers get instead of an event when the log was deleted.
GONE = b"gone"


def encode_event(event: Event) -> str:
    body: dict[str, Any] = {
        "seq": event.seq,
        "attempt": event.attempt,
        "type": event.type,
        "data": event.data,
        "created_at": event.created_at.isoformat(),
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def decode_event(run_id: UUID, text: str | bytes) -> Event:
    body = json.loads(text)
    created_at = datetime.fromisoformat(body["created_at"])
    return Event(run_id, body["seq"], body["attempt"], body["type"], body["data"], created_at)


class Publisher:
    """Publishes, and after a failure leaves Redis alone for a moment: one log line for each outage."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._failing = False
        self._again_at = 0.0

    def publish(self, event: Event) -> None:
        self._send(event.run_id, encode_event(event).encode())

    def publish_gone(self, run_id: UUID) -> None:
        self._send(run_id, GONE)

    def _send(self, run_id: UUID, message: bytes) -> None:
        if self._failing and time.monotonic() < self._again_at:
            return
        try:
            client().publish(f"{CHANNEL_PREFIX}{run_id}", message)
        except (RedisError, OSError) as error:
            with self._lock:
                first, self._failing = not self._failing, True
                self._again_at = time.monotonic() + PAUSE_SECONDS
            if first:
                log.warning("Redis is away (%s): followers read the log in the database meanwhile.", error)
            return
        if self._failing:
            with self._lock:
                self._failing = False
            log.info("Redis is back.")


publisher = Publisher()
