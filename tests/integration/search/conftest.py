"""A small searchable table that knows nothing of the appliance's own models."""

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.integration.search.table import INDEX, Passage
from webapp.search.statements import build_creation, build_removal

TABLE = "CREATE TABLE search_passage (id bigint PRIMARY KEY, scope int NOT NULL, body text, embedding vector(3))"


@pytest.fixture(scope="session")
def passage_table(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The table for the whole session; each test empties it."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(TABLE)
        for statement in build_creation(INDEX):
            cursor.execute(statement)
    connection.close()
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for statement in build_removal(INDEX):
            cursor.execute(statement)
        cursor.execute("DROP TABLE search_passage")
    connection.close()


@pytest.fixture
def passages(passage_table: None, transactional_db: None) -> Iterator[type[Passage]]:
    yield Passage
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE search_passage")
