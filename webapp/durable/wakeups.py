"""Tell a worker that there is something to do. A wake-up may be lost, late or doubled: the lease row is the truth."""

import functools
import logging
from collections.abc import Iterable
from uuid import UUID

from celery import Celery
from django.db import connection, transaction
from kombu.exceptions import OperationalError

from webapp.durable.registry import Kind

log = logging.getLogger(__name__)

# How long a wake-up is good for. Afterwards no worker acts on it any more and the sweeper may send another one, so that
# about one is in the queue for each subject, however long the workers are away.
WAKE_UP_SECONDS = 10


@functools.cache
def publisher() -> Celery:
    """An application of its own: a broker that is away costs the caller a bounded moment, whatever the settings."""
    app = Celery("durable-wakeups", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.conf.update(
        broker_connection_timeout=1,
        broker_transport_options={"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0},
        # Once more, because the connection kept from the last time may be dead.
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0},
    )
    return app


def send(kind: Kind, subject_id: UUID) -> None:
    """Put one wake-up in the queue. Raises kombu's OperationalError when the broker is away."""
    publisher().send_task(
        kind.task_name, args=[str(subject_id)], queue=kind.queue, expires=WAKE_UP_SECONDS, ignore_result=True
    )


def wake(subjects: Iterable[tuple[Kind, UUID]]) -> int:
    """Wake a worker for each subject and return for how many; the others are left to the next sweep."""
    waiting = list(subjects)
    sent = 0
    for kind, subject_id in waiting:
        try:
            send(kind, subject_id)
        except OperationalError as error:
            log.warning("The broker is away (%s): %d wake-up(s) are left to the sweeper.", error, len(waiting) - sent)
            break
        sent += 1
    if unsent := waiting[sent:]:
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE durable_lease SET woken_at = NULL WHERE kind = %s AND subject_id = %s",
                [(kind.name, subject_id) for kind, subject_id in unsent],
            )
    return sent


def wake_on_commit(kind: Kind, subject_id: UUID) -> None:
    transaction.on_commit(lambda: wake([(kind, subject_id)]), robust=True)
