"""SQL that reads an index: pure functions that return a statement and its parameters.

``scopes`` is a SELECT of one column: the scopes the caller may read. It stands inside the statement that searches, in
both halves, so that no row of another scope is ever ranked, counted or returned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.search.planning import LexicalQuery, Strategy
from webapp.search.types import Limits, SearchIndex

NOTHING_LEXICAL = "SELECT NULL::{key_type} AS key, NULL::float8 AS score, NULL::bigint AS place WHERE false"
NOTHING_DENSE = "SELECT NULL::{key_type} AS key, NULL::float8 AS distance, NULL::bigint AS place WHERE false"
VISIBLE = "ANY (ARRAY(SELECT scope FROM visible))"


@dataclass(frozen=True)
class Statement:
    sql: str
    params: tuple[Any, ...] = ()


def build_term_lookup(index: SearchIndex, text: str) -> Statement:
    """Rows (term, tf, rows, total rows) of the query's terms; no row when it has none."""
    sql = """
    WITH query AS (
        SELECT search.dimension(u.lexeme) AS term, sum(cardinality(u.positions))::int AS tf
        FROM unnest(to_tsvector({configuration}, %s)) u GROUP BY 1
    ), differences AS (
        SELECT u.term, sum(u.rows) AS rows
        FROM {deltas} d CROSS JOIN LATERAL unnest(d.terms, d.counts) AS u(term, rows)
        WHERE u.term IN (SELECT term FROM query) GROUP BY u.term
    )
    SELECT q.term, q.tf, (coalesce(t.rows, 0) + coalesce(d.rows, 0))::bigint,
           ((SELECT rows FROM {totals}) + coalesce((SELECT sum(rows) FROM {deltas}), 0))::bigint
    FROM query q LEFT JOIN {terms} t ON t.term = q.term LEFT JOIN differences d ON d.term = q.term
    """
    return Statement(sql.format(**index.names), (text,))


def build_visible_count(index: SearchIndex, scopes: Statement, most: int) -> Statement:
    """How many rows are visible, counted up to ``most``."""
    sql = (
        "WITH visible(scope) AS MATERIALIZED ({scopes}) SELECT count(*) FROM "
        "(SELECT 1 FROM {rows} WHERE scope = {visible} LIMIT %s) counted"
    )
    return Statement(sql.format(**index.names, scopes=scopes.sql, visible=VISIBLE), (*scopes.params, most))


def build_search(
    index: SearchIndex,
    *,
    scopes: Statement,
    lexical: LexicalQuery,
    embedding: Sequence[float] | None,
    strategy: Strategy,
    limits: Limits,
    count: int,
) -> Statement:
    """One statement: the best of both halves fused by reciprocal rank, 1 / (k + rank) summed (Cormack et al. 2009).

    k = 20: it lets the first places of each half weigh more than the customary 60 does, and measured slightly better.
    """
    words = _build_lexical(index, lexical, strategy, limits)
    meaning = _build_dense(index, embedding, strategy, limits)
    sql = """
    WITH visible(scope) AS MATERIALIZED ({scopes}),
    lexical AS ({lexical}),
    dense AS ({dense})
    SELECT coalesce(l.key, d.key) AS key,
           coalesce(1.0 / (%s + l.place), 0)::float8 + coalesce(1.0 / (%s + d.place), 0)::float8 AS fused,
           l.place, l.score, d.place, d.distance
    FROM lexical l FULL JOIN dense d ON d.key = l.key
    ORDER BY fused DESC, least(l.place, d.place), key
    LIMIT %s
    """
    return Statement(
        sql.format(scopes=scopes.sql, lexical=words.sql, dense=meaning.sql),
        (*scopes.params, *words.params, *meaning.params, limits.rrf_k, limits.rrf_k, count),
    )


def _build_lexical(index: SearchIndex, query: LexicalQuery, strategy: Strategy, limits: Limits) -> Statement:
    if not query.weights:
        return Statement(NOTHING_LEXICAL.format(**index.names))
    having: tuple[str, ...] = ()
    filtered = ""
    if strategy is Strategy.CANDIDATES:
        filtered = (
            "AND search.lexemes(weights, scope::text) @@ (SELECT ('(' || %s || ') & (' || "
            "coalesce(string_agg(search.scope_lexeme(scope::text), ' | '), 'nothing') || ')')::tsquery FROM visible)"
        )
        having = (query.any_term,)
    sql = """
    SELECT key, score, row_number() OVER (ORDER BY score DESC, key) AS place FROM (
        SELECT key, score FROM (
            SELECT key, -(weights <#> %s::sparsevec) AS score FROM {rows} WHERE scope = {visible} {filtered} OFFSET 0
        ) scored WHERE score > 0 ORDER BY score DESC, key LIMIT %s
    ) best
    """
    return Statement(
        sql.format(**index.names, visible=VISIBLE, filtered=filtered),
        (query.sparse_vector, *having, limits.candidates),
    )


def _build_dense(
    index: SearchIndex, embedding: Sequence[float] | None, strategy: Strategy, limits: Limits
) -> Statement:
    if embedding is None or index.vector is None:
        return Statement(NOTHING_DENSE.format(**index.names))
    vector = "[" + ",".join(repr(float(value)) for value in embedding) + "]"
    if strategy is Strategy.SCAN:  # OFFSET 0 keeps the planner from the approximate index
        nearest = """SELECT key, distance FROM (
            SELECT r.{key} AS key, r.{vector} <=> %s::vector AS distance FROM {table} r
            WHERE r.{scope} = {visible} AND r.{vector} IS NOT NULL OFFSET 0
        ) measured ORDER BY distance, key LIMIT %s"""
        params: tuple[Any, ...] = (vector, limits.candidates)
    else:
        nearest = """SELECT r.{key} AS key, r.{vector} <=> %s::vector AS distance FROM {table} r
            WHERE r.{scope} = {visible} ORDER BY r.{vector} <=> %s::vector LIMIT %s"""
        params = (vector, vector, limits.candidates)
    sql = "SELECT key, distance, row_number() OVER (ORDER BY distance, key) AS place FROM (" + nearest + ") best"  # noqa: S608 - ours
    return Statement(sql.format(**index.names, visible=VISIBLE), params)
