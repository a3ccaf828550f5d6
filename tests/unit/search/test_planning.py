"""A query's weights and strategy."""

import math

import pytest

from webapp.search.planning import (
    LONGEST_QUERY,
    MOST_QUERY_TERMS,
    LexicalQuery,
    QueryTerm,
    Strategy,
    build_lexical_query,
    choose_strategy,
    clean_query,
)
from webapp.search.types import Limits, SearchIndex


def test_weights_are_frequency_times_rarity() -> None:
    query = build_lexical_query([QueryTerm(7, 2, 1), QueryTerm(3, 1, 4)], total_rows=4)
    assert [term for term, _ in query.weights] == [3, 7]
    assert [weight for _, weight in query.weights] == pytest.approx(
        [math.log(1 + 0.5 / 4.5), 2 * math.log(1 + 3.5 / 1.5)]
    )
    assert query.postings == 5
    assert query.any_term == "3 | 7"


def test_terms_that_no_row_holds_are_left_out() -> None:
    assert build_lexical_query([QueryTerm(1, 1, 0), QueryTerm(2, 1, -3)], total_rows=9) == LexicalQuery((), 0)


def test_weights_stay_positive_when_statistics_are_stale() -> None:
    [(_, weight)] = build_lexical_query([QueryTerm(1, 1, 50)], total_rows=10).weights
    assert weight > 0


def test_long_query_keeps_its_rarest_terms() -> None:
    query = build_lexical_query([QueryTerm(n, 1, n) for n in range(1, 1000)], total_rows=1000)
    assert [term for term, _ in query.weights] == list(range(1, MOST_QUERY_TERMS + 1))


def test_sparse_vector_is_what_postgresql_reads() -> None:
    assert LexicalQuery(((3, 0.5), (9, 2.0)), 2).sparse_vector == "{3:0.5,9:2.0}/536870912"


@pytest.mark.parametrize(("rows", "strategy"), [(0, "scan"), (15_000, "scan"), (15_001, "candidates")])
def test_strategy_follows_the_visible_rows(rows: int, strategy: str) -> None:
    assert choose_strategy(rows, Limits()) is Strategy(strategy)


def test_query_is_made_storable() -> None:
    assert clean_query("a\x00b\ud83dc") == "a bc"
    assert len(clean_query("x" * 20_000)) == LONGEST_QUERY


@pytest.mark.parametrize("name", ["", "Upper", "a-b", "x; DROP TABLE y", 'a"b', "x" * 41])
def test_index_refuses_names_that_are_not_plain(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        SearchIndex(name, "t", "id", "bigint", "scope", "int", "r.body")
