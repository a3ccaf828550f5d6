"""Both halves are fused in one statement, and never show a row of a scope that is not readable."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from tests.integration.search.table import INDEX, Passage, add, scopes
from webapp.search import api
from webapp.search.types import Limits

VECTORS = {1: [1.0, 0.0, 0.0], 2: [0.8, 0.6, 0.0], 3: [0.6, 0.8, 0.0], 4: [0.0, 0.0, 1.0]}
BOTH = pytest.mark.parametrize("scan_rows", [1000, 0], ids=["scan", "candidates"])


@BOTH
def test_fused_score_is_the_sum_of_reciprocal_ranks(passages: type[Passage], scan_rows: int) -> None:
    add({1: "beam", 2: "wing wing", 3: "wing beam heat flow", 4: "heat"}, vectors=VECTORS)
    hits = api.search(
        index=INDEX,
        text="wing",
        embedding=[1, 0, 0],
        scopes=scopes(1),
        limits=Limits(scan_rows=scan_rows, candidates=3),
    )
    assert [(hit.key, hit.lexical_rank, hit.dense_rank) for hit in hits] == [(2, 1, 2), (3, 2, 3), (1, None, 1)]
    assert [hit.score for hit in hits] == pytest.approx([1 / 21 + 1 / 22, 1 / 22 + 1 / 23, 1 / 21])
    assert [hit.distance for hit in hits] == pytest.approx([0.2, 0.4, 0.0], abs=1e-6)


def test_ranking_is_one_statement(passages: type[Passage]) -> None:
    add({1: "wing", 2: "beam"}, vectors=VECTORS)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        api.search(index=INDEX, text="wing", embedding=[1, 0, 0], scopes=scopes(1))
    ranking = [query["sql"] for query in captured.captured_queries if "<=>" in query["sql"]]
    assert len(ranking) == 1
    assert "<#>" in ranking[0]
    assert ranking[0].count("SELECT scope FROM visible") == 2


def test_search_without_embedding_is_lexical_only(passages: type[Passage]) -> None:
    add({1: "wing", 2: "beam"}, vectors=VECTORS)
    assert [hit.key for hit in api.search(index=INDEX, text="wing", scopes=scopes(1))] == [1]


def test_search_takes_its_embedder_from_the_settings(passages: type[Passage], settings: Settings) -> None:
    settings.SEARCH_EMBEDDER = f"{__name__}.embed"
    add({1: "wing", 4: "beam"}, vectors=VECTORS)
    assert [hit.key for hit in api.search(index=INDEX, text="unknown", scopes=scopes(1))] == [4, 1]


def embed(texts: list[str]) -> list[list[float]]:
    return [[0.0, 0.0, 1.0] for _ in texts]


@BOTH
@pytest.mark.parametrize(
    "text", ["wing", "wing | s1 & !s2", "s1", "wing' | 'x", "s" + "c4ca4238a0b923820dcc509a6f75849b", ""]
)
def test_rows_of_other_scopes_never_appear(passages: type[Passage], scan_rows: int, text: str) -> None:
    """Rows one may not see fit best by word and by meaning, and there are many of them."""
    source = random.Random(7)  # noqa: S311 - a reproducible corpus
    add(
        dict.fromkeys(range(1000, 1200), "wing wing wing"),
        scope=2,
        vectors={key: [1.0, 0, 0] for key in range(1000, 1200)},
    )
    mine = {key: f"wing {'beam ' * source.randint(1, 9)}" for key in range(1, 40)}
    add(mine, scope=1, vectors={key: [source.random(), 1.0, source.random()] for key in mine})
    hits = api.search(
        index=INDEX, text=text, embedding=[1, 0, 0], scopes=scopes(1), limits=Limits(scan_rows=scan_rows), count=100
    )
    assert {hit.key for hit in hits} == set(mine)
    assert max(hit.dense_rank or 0 for hit in hits) == len(mine)


@BOTH
def test_no_readable_scope_finds_nothing(passages: type[Passage], scan_rows: int) -> None:
    add({1: "wing"}, vectors=VECTORS)
    limits = Limits(scan_rows=scan_rows)
    assert api.search(index=INDEX, text="wing", embedding=[1, 0, 0], scopes=scopes(9), limits=limits) == []
    assert api.search(index=INDEX, text="wing", embedding=[1, 0, 0], scopes=scopes().none(), limits=limits) == []


def test_both_strategies_rank_alike(passages: type[Passage]) -> None:
    source = random.Random(3)  # noqa: S311 - a reproducible corpus
    words = ["wing", "flow", "heat", "beam", "shock", "plate", "tube", "lamp"]
    for scope in (1, 2, 3):
        rows = {scope * 1000 + n: " ".join(source.choices(words, k=source.randint(2, 12))) for n in range(150)}
        add(rows, scope=scope, vectors={key: [source.gauss(0, 1) for _ in range(3)] for key in rows})
    for query in ("wing", "heat shock", "lamp tube flow wing"):
        found = [
            [(hit.key, hit.lexical_rank) for hit in api.search(
                index=INDEX, text=query, scopes=scopes(1, 3), limits=Limits(scan_rows=rows), count=50
            )]
            for rows in (0, 10_000)
        ]  # fmt: skip
        assert found[0] == found[1] != []


def test_inverted_index_answers_the_candidate_strategy(passages: type[Passage]) -> None:
    add({n: f"word{n} common" for n in range(3000)})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE search.search_passage_rows")
        cursor.execute("SELECT search.dimension('word77')")
        term = cursor.fetchone()[0]
        cursor.execute(
            "EXPLAIN SELECT key FROM search.search_passage_rows WHERE search.lexemes(weights, scope::text) @@ "
            "(SELECT ('(' || %s::text || ') & (' || search.scope_lexeme('1') || ')')::tsquery)", [str(term)],
        )  # fmt: skip
        assert any("search_passage_lexemes" in line for (line,) in cursor.fetchall())
