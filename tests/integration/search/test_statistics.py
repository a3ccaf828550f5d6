"""The index and its statistics follow the rows through every kind of change, rollback and concurrent writers."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, transaction

from tests.integration.search.table import INDEX, Passage, add, counted_statistics, scopes, statistics
from webapp.search import api


def find(text: str) -> list[int]:
    return [hit.key for hit in api.search(index=INDEX, text=text, scopes=scopes(1, 2))]


def test_insert_update_and_delete_keep_statistics_true(passages: type[Passage]) -> None:
    add({1: "wing flow", 2: "wing heat", 3: "beam"})
    Passage.objects.filter(pk=1).update(body="plate plate")
    Passage.objects.filter(pk=2).delete()
    assert find("wing") == []
    assert find("plate") == [1]
    rows, length, terms = statistics()
    assert (rows, length, sorted(terms.values())) == (2, 3, [1, 1])
    assert statistics() == counted_statistics()


def test_changed_scope_moves_the_row(passages: type[Passage]) -> None:
    add({1: "wing"})
    Passage.objects.filter(pk=1).update(scope=2)
    assert [hit.key for hit in api.search(index=INDEX, text="wing", scopes=scopes(2))] == [1]
    assert api.search(index=INDEX, text="wing", scopes=scopes(1)) == []


def test_changed_key_moves_the_row(passages: type[Passage]) -> None:
    add({1: "wing", 2: "beam"})
    Passage.objects.filter(pk=1).update(id=9)
    assert find("wing") == [9]
    assert statistics() == counted_statistics()


def test_update_of_another_column_writes_nothing(passages: type[Passage]) -> None:
    add({1: "wing"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM search.search_passage_deltas")
        before = cursor.fetchone()
        Passage.objects.update(embedding=[1, 0, 0])
        cursor.execute("SELECT count(*) FROM search.search_passage_deltas")
        assert cursor.fetchone() == before


def test_rolled_back_changes_leave_no_trace(passages: type[Passage]) -> None:
    add({1: "wing flow", 2: "beam"})
    before = statistics()
    with transaction.atomic():
        add({3: "wing shock"})
        Passage.objects.filter(pk=1).delete()
        Passage.objects.filter(pk=2).update(body="heat")
        assert find("wing") == [3]  # the transaction sees its own changes
        transaction.set_rollback(True)
    assert statistics() == before == counted_statistics()
    assert find("wing") == [1]


def test_truncate_empties_the_index(passages: type[Passage]) -> None:
    add({1: "wing"})
    api.fold(index=INDEX)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE search_passage")
    assert statistics() == (0, 0, {}) == counted_statistics()


def test_fold_changes_nothing_that_a_query_sees(passages: type[Passage]) -> None:
    add({1: "wing flow", 2: "wing heat"})
    Passage.objects.filter(pk=2).delete()
    before = statistics()
    assert api.fold(index=INDEX)
    assert statistics() == before == counted_statistics()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM search.search_passage_deltas")
        assert cursor.fetchone() == (0,)
    assert api.fold(index=INDEX)
    assert statistics() == before


def test_concurrent_writers_and_folds_lose_no_statistics(passages: type[Passage]) -> None:
    errors: list[Exception] = []

    def run(work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - reported by the test
                errors.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=guarded)
        thread.start()
        return thread

    def write(first: int) -> None:
        for number in range(first, first + 20):
            add({number: f"wing flow part{number % 3}"})
            Passage.objects.filter(pk=number).update(body=f"beam heat part{number % 5}")
            Passage.objects.filter(pk=number - 1, id__gte=first).delete()

    def rewrite_shared() -> None:
        for number in range(15):
            Passage.objects.filter(pk__in=[1, 2]).order_by("pk").update(body=f"shared text{number}")

    def fold() -> None:
        for _ in range(15):
            api.fold(index=INDEX)

    add({1: "shared", 2: "shared"})
    threads = [run(partial(write, first)) for first in (100, 200, 300)]
    threads += [run(rewrite_shared), run(rewrite_shared), run(fold)]
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert Passage.objects.count() == 5
    assert statistics() == counted_statistics()


def test_row_that_fails_to_index_is_not_stored(passages: type[Passage]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE search.search_passage_rows ADD CONSTRAINT refuse CHECK (length < 3)")
        try:
            with pytest.raises(Exception, match="refuse"):
                add({1: "one row", 2: "wing flow heat beam"})
        finally:
            cursor.execute("ALTER TABLE search.search_passage_rows DROP CONSTRAINT refuse")
    assert Passage.objects.count() == 0
    assert statistics() == (0, 0, {})
