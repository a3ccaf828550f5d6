"""The pool of database connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper

END_IDLE = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def read_one() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        row = cursor.fetchone()
    connection.close()
    assert row
    return int(row[0])


def close_pool() -> None:
    wrapper = connections["default"]
    assert isinstance(wrapper, DatabaseWrapper)
    wrapper.close()
    wrapper.close_pool()


@pytest.fixture
def fresh_pool(transactional_db: None) -> Iterator[None]:
    """No connection left by another test: the pool pauses after each dead one it meets, longer every time."""
    close_pool()
    yield
    close_pool()


@pytest.mark.usefixtures("fresh_pool")
def test_pool_replaces_connections_that_the_database_has_ended() -> None:
    connection.ensure_connection()
    with ThreadPoolExecutor(1) as thread:
        before = thread.submit(read_one).result()
        with connection.cursor() as cursor:
            cursor.execute(END_IDLE)
            ended = cursor.fetchone()
        assert ended
        assert ended[0] >= 1
        assert thread.submit(read_one).result() != before
