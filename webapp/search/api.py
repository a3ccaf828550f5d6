"""Hybrid search for any table: BM25 and vectors in PostgreSQL, fused in one statement, limited to readable scopes.

Make an index with ``operations.AddSearchIndex`` in a migration; from then on triggers keep it. Fold its statistics
now and then. ``SEARCH_EMBEDDER`` in Django's settings may name a function that turns texts into vectors; it is used
when a search is given no embedding.
"""

import zlib
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet

from webapp.search import embedder, planning, queries, statements
from webapp.search.planning import Strategy
from webapp.search.types import Hit, Limits, SearchIndex


def search(
    *,
    index: SearchIndex,
    text: str,
    scopes: QuerySet[Any, Any],
    embedding: Sequence[float] | None = None,
    count: int = 10,
    limits: Limits | None = None,
) -> list[Hit]:
    """The best ``count`` rows, best first, among those whose scope is in ``scopes``: a queryset of one column, which
    becomes part of the statement. Any text is a valid query; one without words is searched by meaning only.
    """
    limits = limits or Limits()
    text = planning.clean_query(text)
    try:
        readable = queries.Statement(*scopes.order_by().query.sql_with_params())
    except EmptyResultSet:
        return []
    if embedding is None and index.vector:
        embedding = embedder.find_embedding(text)
    with transaction.atomic(), connection.cursor() as cursor:
        found = _execute(cursor, queries.build_term_lookup(index, text))
        terms = [planning.QueryTerm(term, tf, rows) for term, tf, rows, _ in found]
        lexical = planning.build_lexical_query(terms, total_rows=found[0][3] if found else 0)
        visible = _execute(cursor, queries.build_visible_count(index, readable, limits.scan_rows + 1))[0][0]
        strategy = planning.choose_strategy(visible, limits)
        if strategy is Strategy.CANDIDATES:
            cursor.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            cursor.execute("SELECT set_config('hnsw.ef_search', %s, true)", [str(max(40, limits.candidates))])
        statement = queries.build_search(
            index,
            scopes=readable,
            lexical=lexical,
            embedding=embedding,
            strategy=strategy,
            limits=limits,
            count=count,
        )
        return [Hit(*row) for row in _execute(cursor, statement)]


def fold(*, index: SearchIndex) -> bool:
    """Add the statistics' differences to their totals; false when another process is at it. Never blocks writers."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [zlib.crc32(index.names["deltas"].encode())])
        if not cursor.fetchone()[0]:
            return False
        for statement in statements.build_fold(index):
            cursor.execute(statement)
    return True


def rebuild(*, index: SearchIndex) -> None:
    """Index every row anew. Needed only when the rows' average length has drifted far; writers wait meanwhile."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements.build_rebuild(index):
            cursor.execute(statement)


def _execute(cursor: Any, statement: queries.Statement) -> list[tuple[Any, ...]]:
    cursor.execute(statement.sql, statement.params)
    return list(cursor.fetchall())
