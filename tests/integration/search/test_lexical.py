"""BM25 in PostgreSQL gives the scores of its definition."""

import pytest
from django.db import connection

from tests.integration.search.table import INDEX, Passage, add, reference_scores, scopes
from webapp.search import api
from webapp.search.types import Hit, Limits

# Words that are their own stems and no stop words, so that the reference needs no stemmer.
CORPUS = {
    1: "wing flow flow heat",
    2: "wing beam",
    3: "heat heat heat shock wing plate beam",
    4: "shock tube",
    5: "plate plate beam flow shock heat tube lamp desk card",
}


def search(text: str, *, limits: Limits | None = None, count: int = 10) -> list[Hit]:
    return api.search(index=INDEX, text=text, scopes=scopes(1, 2, 3), limits=limits, count=count)


@pytest.mark.parametrize("query", ["wing", "heat flow", "plate shock tube", "heat heat wing", "lamp unknownword"])
@pytest.mark.parametrize("scan_rows", [1000, 0], ids=["scan", "candidates"])
def test_scores_match_the_definition(passages: type[Passage], query: str, scan_rows: int) -> None:
    add(CORPUS)
    expected = reference_scores({key: body.split() for key, body in CORPUS.items()}, query.split())
    found = {hit.key: hit.lexical_score for hit in search(query, limits=Limits(scan_rows=scan_rows))}
    assert found == {key: pytest.approx(score, rel=1e-5) for key, score in expected.items()}


def test_scores_after_rebuild_match_rows_added_one_by_one(passages: type[Passage]) -> None:
    for key, body in CORPUS.items():
        add({key: body})
    api.rebuild(index=INDEX)
    expected = reference_scores({key: body.split() for key, body in CORPUS.items()}, ["heat", "beam"])
    assert {hit.key: hit.lexical_score for hit in search("heat beam")} == pytest.approx(expected, rel=1e-5)


def test_words_are_stemmed_and_stop_words_do_not_count(passages: type[Passage]) -> None:
    add({1: "the engines were running", 2: "the pumps of the house"})
    assert [hit.key for hit in search("an engine that runs")] == [1]
    assert search("the of were") == []


def test_hyphenated_word_is_its_parts(passages: type[Passage]) -> None:
    add({1: "high-speed flow"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT length FROM search.search_passage_rows")
        assert cursor.fetchone() == (3,)
    assert [hit.key for hit in search("speed")] == [1]


def test_row_of_many_thousand_words_is_indexed_within_bounds(passages: type[Passage]) -> None:
    add({1: " ".join(f"w{number:x}" for number in range(30_000)), 2: ""})
    assert [hit.key for hit in search("w1f")] == [1]


def test_rows_without_words_are_kept_and_never_found(passages: type[Passage]) -> None:
    Passage.objects.create(id=1, scope=1, body=None)
    Passage.objects.create(id=2, scope=1, body="!!! 🙂")
    assert search("anything") == []


ODD_QUERIES = [
    *("", "   ", "the and of", "🙂🙃", "\x00", "wing\x00heat", "\ud800", "\\", '"'),
    *("'; DROP TABLE search_passage; --", "%s %(a)s %", "a:b & !c | (d", "{1:2}/3"),
    *("wing " * 2500, "x" * 10_000, " ".join(f"term{number}" for number in range(2000))),
]


@pytest.mark.parametrize("query", ODD_QUERIES, ids=range(len(ODD_QUERIES)))
@pytest.mark.parametrize("scan_rows", [1000, 0], ids=["scan", "candidates"])
def test_odd_query_is_answered(passages: type[Passage], query: str, scan_rows: int) -> None:
    add(CORPUS)
    keys = {hit.key for hit in search(query, limits=Limits(scan_rows=scan_rows))}
    expected = {"wing " * 2500: {1, 2, 3}, "wing\x00heat": {1, 2, 3, 5}}
    assert keys == expected.get(query, set())
    assert Passage.objects.count() == len(CORPUS)
