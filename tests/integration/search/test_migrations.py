"""An index can be taken away and made again without touching its table."""

import pytest
from django.db import connection

from tests.integration.search.table import INDEX, Passage, add, scopes
from webapp.search import api
from webapp.search.statements import build_creation, build_removal


def test_index_made_over_existing_rows_finds_them(passages: type[Passage]) -> None:
    add({1: "wing flow", 2: "beam"})
    with connection.cursor() as cursor:
        for statement in (*build_removal(INDEX), *build_creation(INDEX)):
            cursor.execute(statement)
    assert [hit.key for hit in api.search(index=INDEX, text="wing", scopes=scopes(1))] == [1]


@pytest.mark.django_db
def test_dimension_of_a_lexeme_never_changes() -> None:
    """Stored weights depend on it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT search.dimension('wing'), search.dimension('café'), search.scope_lexeme('1')")
        assert cursor.fetchone() == (107289759, 14823421, "sc4ca4238a0b923820dcc509a6f75849b")
