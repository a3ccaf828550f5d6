"""The test's table, its index, and BM25 computed in Python from its definition, as the reference."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

from django.db import connection, models
from pgvector.django import VectorField

from webapp.search.types import SearchIndex

INDEX = SearchIndex(
    name="search_passage",
    table="search_passage",
    key="id",
    key_type="bigint",
    scope="scope",
    scope_type="int",
    text_sql="coalesce(r.body, '')",
    vector="embedding",
)
K1, B = 1.5, 0.75


class Passage(models.Model):
    """A row of the test's own table."""

    id = models.BigIntegerField(primary_key=True)
    scope = models.IntegerField()
    body = models.TextField(null=True)  # noqa: DJ001 - a generic table may hold NULL
    embedding = VectorField(dimensions=3, null=True)

    objects: ClassVar[models.Manager["Passage"]] = models.Manager()

    class Meta:
        app_label = "search"
        managed = False
        db_table = "search_passage"

    def __str__(self) -> str:
        return str(self.pk)


def add(rows: Mapping[int, str], *, scope: int = 1, vectors: Mapping[int, Sequence[float]] | None = None) -> None:
    """Insert rows in one statement."""
    vectors = vectors or {}
    Passage.objects.bulk_create(
        Passage(id=key, scope=scope, body=body, embedding=vectors.get(key)) for key, body in rows.items()
    )


def scopes(*numbers: int) -> "models.QuerySet[Passage, tuple[int]]":
    return Passage.objects.filter(scope__in=numbers).values_list("scope").distinct()


def reference_scores(documents: Mapping[int, Sequence[str]], query: Sequence[str]) -> dict[int, float]:
    """BM25 with idf = ln(1 + (N - n + 0.5) / (n + 0.5)) and without the constant factor (k1 + 1), of stemmed words."""
    count = len(documents)
    average = sum(len(words) for words in documents.values()) / count
    scores = {}
    for key, words in documents.items():
        frequencies = Counter(words)
        score = 0.0
        for term in query:
            holding = sum(term in other for other in documents.values())
            tf = frequencies[term]
            idf = math.log(1 + (count - holding + 0.5) / (holding + 0.5))
            score += idf * tf / (tf + K1 * (1 - B + B * len(words) / average))
        if score > 0:
            scores[key] = score
    return scores


def statistics() -> tuple[int, int, dict[int, int]]:
    """Rows, length and document frequencies as a query sees them: totals and differences together."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(rows), sum(length) FROM (SELECT rows, length FROM search.search_passage_totals"
            " UNION ALL SELECT rows, length FROM search.search_passage_deltas) parts"
        )
        rows, length = cursor.fetchone()
        cursor.execute(
            "SELECT term, sum(rows) FROM (SELECT term, rows FROM search.search_passage_terms UNION ALL"
            " SELECT u.term, u.rows FROM search.search_passage_deltas d,"
            " LATERAL unnest(d.terms, d.counts) AS u(term, rows)) parts GROUP BY term HAVING sum(rows) <> 0"
        )
        return int(rows), int(length), {term: int(count) for term, count in cursor.fetchall()}


def counted_statistics() -> tuple[int, int, dict[int, int]]:
    """The same, counted from the rows themselves."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), coalesce(sum(length), 0) FROM search.search_passage_rows")
        rows, length = cursor.fetchone()
        cursor.execute(
            "SELECT term::int, count(*) FROM search.search_passage_rows,"
            " LATERAL unnest(array_remove(search.dimensions(weights), '')) AS term GROUP BY term"
        )
        return int(rows), int(length), {term: int(count) for term, count in cursor.fetchall()}
