"""Executing runs as workers do, in threads of the test."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from uuid import UUID

from django.db import connection, transaction

from webapp.agents.models import Run
from webapp.agents.runs.kind import KIND
from webapp.agents.runs.runner import run_once
from webapp.durable import api as durable

PATIENCE_SECONDS = 30


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def execute_until_final(run_id: UUID) -> Run:
    """Attempt after attempt, as the sweeper's wake-ups would have it."""

    def is_final() -> bool:
        run_once(run_id)
        return Run.objects.get(pk=run_id).status in Run.FINAL

    wait_until(is_final)
    return Run.objects.get(pk=run_id)


@contextmanager
def worker(run_id: UUID) -> Iterator[Thread]:
    """A worker that attempts the run while the block runs; it has ended afterwards."""
    thread = Thread(target=run_once, args=(run_id,), name="worker")
    thread.start()
    yield thread
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def take_over(run_id: UUID) -> None:
    """What happens when a worker is taken for dead: its lease runs out, another acquires it and hands it back."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE durable_lease SET expires_at = clock_timestamp() - interval '1 second' WHERE subject_id = %s",
                [run_id],
            )
        grant = durable.acquire(kind=KIND, subject_id=run_id)
    assert grant is not None
    durable.retry(grant, delay_seconds=0, error="", count_attempt=False)
