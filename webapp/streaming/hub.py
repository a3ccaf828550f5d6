"""One thread in each process listens to Redis for all its followers, and watches the heads of their logs in the
database in case Redis is away or a message was lost."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from uuid import UUID

from django.db import Error, connection
from redis import RedisError
from redis.client import PubSub

from webapp.streaming.mailbox import Mailbox
from webapp.streaming.models import RunLog
from webapp.streaming.publish import CHANNEL_PREFIX, GONE, decode_event
from webapp.streaming.redis import client

log = logging.getLogger(__name__)

# How often the heads are looked at: while Redis is there, only in case a message was lost.
LOOK_SECONDS = 5.0
LOOK_SECONDS_WITHOUT_REDIS = 0.5
LISTEN_SECONDS = 0.5
LINGER_SECONDS = 10.0


class Hub:
    """Hands committed events to the mailboxes of this process. Its thread lives while there are any, and lingers."""

    def __init__(self, linger_seconds: float = LINGER_SECONDS) -> None:
        self._linger_seconds = linger_seconds
        self._lock = Lock()
        self._boxes: defaultdict[UUID, set[Mailbox]] = defaultdict(set)
        self._thread: Thread | None = None
        self._pubsub: PubSub | None = None
        self._redis_away = False
        self._database_away = False
        self._look_at = 0.0

    @contextmanager
    def listen(self, run_id: UUID, after: int, wake: Callable[[], None]) -> Iterator[Mailbox]:
        """A mailbox for one follower; ``wake`` is called from the thread when there is something in it."""
        box = Mailbox(after, wake)
        with self._lock:
            self._boxes[run_id].add(box)
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="run-events", daemon=True)
                self._thread.start()
        try:
            yield box
        finally:
            with self._lock:
                self._boxes[run_id].discard(box)
                if not self._boxes[run_id]:
                    del self._boxes[run_id]

    def count_followers(self) -> int:
        with self._lock:
            return sum(len(boxes) for boxes in self._boxes.values())

    def _snapshot(self) -> dict[UUID, list[Mailbox]]:
        with self._lock:
            return {run_id: list(boxes) for run_id, boxes in self._boxes.items()}

    def _run(self) -> None:
        last_used = time.monotonic()
        while True:
            with self._lock:
                if self._boxes:
                    last_used = time.monotonic()
                elif time.monotonic() - last_used > self._linger_seconds:
                    self._thread = None
                    self._disconnect()
                    return
            try:
                self._listen_once()
                if time.monotonic() >= self._look_at:
                    self._look()
                    self._look_at = time.monotonic() + LOOK_SECONDS
            except Exception:
                log.exception("Following run events went wrong; it goes on.")
                time.sleep(LISTEN_SECONDS)

    def _listen_once(self) -> None:
        """Deliver what Redis has, waiting for it a moment; connect first when there is no connection."""
        try:
            if self._pubsub is None:
                self._connect()
            elif (message := self._pubsub.get_message(timeout=LISTEN_SECONDS)) and message["type"] == "pmessage":
                self._deliver(message["channel"], message["data"])
        except (RedisError, OSError) as error:
            self._disconnect()
            if not self._redis_away:
                log.warning("Redis is away (%s): run events are read from the database.", error)
            self._redis_away = True
            time.sleep(LOOK_SECONDS_WITHOUT_REDIS)
            self._look_at = time.monotonic()

    def _connect(self) -> None:
        pubsub = PubSub(client().connection_pool)
        self._pubsub = pubsub
        pubsub.psubscribe(f"{CHANNEL_PREFIX}*")
        confirmation = pubsub.get_message(timeout=1.0)
        if not confirmation or confirmation["type"] != "psubscribe":
            raise RedisError("the subscription was not confirmed")
        if self._redis_away:
            log.info("Redis is back: run events come from it again.")
        self._redis_away = False
        for boxes in self._snapshot().values():
            for box in boxes:
                box.nudge()

    def _disconnect(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            try:
                pubsub.close()
            except (RedisError, OSError):
                log.debug("Closing a broken connection to Redis failed.", exc_info=True)

    def _deliver(self, channel: bytes, data: bytes) -> None:
        run_id = UUID(channel.decode().removeprefix(CHANNEL_PREFIX))
        with self._lock:
            boxes = list(self._boxes.get(run_id, ()))
        event = decode_event(run_id, data) if boxes and data != GONE else None
        for box in boxes:
            if event is None:
                box.nudge()
            else:
                box.put(event)

    def _look(self) -> None:
        """Nudge every follower whose log has grown past it, or is gone."""
        boxes_by_run = self._snapshot()
        if not boxes_by_run:
            return
        try:
            heads = dict(RunLog.objects.filter(run_id__in=boxes_by_run).values_list("run_id", "last_seq"))
            self._database_away = False
        except Error as error:
            if not self._database_away:
                log.warning("The database is away (%s): followers wait.", error)
            self._database_away = True
            return
        finally:
            connection.close()
        for run_id, boxes in boxes_by_run.items():
            head = heads.get(run_id)
            for box in boxes:
                if (head is not None and head > box.position) or (head is None and box.position > 0):
                    box.nudge()


hub = Hub()
