"""Giving a thread's database connection back as soon as it is not needed.

Connections belong to threads, and a run uses several: the task's own, LangGraph's pool, the heartbeat. A run waits for
a model most of its time, and must not hold a connection of the pool while it does.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def released_connection() -> Iterator[None]:
    """Use the database inside the block, and hold no connection after it (unless the caller has a transaction open)."""
    try:
        yield
    finally:
        if not connection.in_atomic_block:
            connection.close()
