"""Load a collection into PostgreSQL, rank every question in several ways, and average nDCG@10."""

import time
from collections.abc import Callable, Mapping, Sequence

import httpx
from django.db import connection

from tests.benchmarks.retrieval.collection import Collection, ndcg
from webapp.search import api, queries
from webapp.search.statements import build_creation
from webapp.search.types import Limits, SearchIndex

INDEX = SearchIndex(
    name="benchmark",
    table="benchmark",
    key="id",
    key_type="bigint",
    scope="scope",
    scope_type="int",
    text_sql="r.body",
    vector="embedding",
)
BATCH = 64
DEPTH = 10

# The recipe usual with Django, for comparison: any of the words, ranked by cover density.
COVER_DENSITY = """
SELECT id FROM benchmark, (SELECT replace(plainto_tsquery('english', %s)::text, '&', '|')::tsquery AS words) query
WHERE english @@ words ORDER BY ts_rank_cd(english, words) DESC, id LIMIT %s
"""


class AllScopes:
    """Stands in for a queryset: the one scope there is."""

    def order_by(self) -> "AllScopes":
        return self

    @property
    def query(self) -> "AllScopes":
        return self

    def sql_with_params(self) -> tuple[str, tuple[int, ...]]:
        return "SELECT 1", ()


def embed(url: str, texts: Sequence[str]) -> list[list[float]]:
    """Vectors from an OpenAI-compatible embedder."""
    vectors: list[list[float]] = []
    with httpx.Client(base_url=url, timeout=300, trust_env=False) as client:
        model = client.get("/v1/models").raise_for_status().json()["data"][0]["id"]
        for start in range(0, len(texts), BATCH):
            body = {"model": model, "input": [text or "." for text in texts[start : start + BATCH]]}
            data = client.post("/v1/embeddings", json=body).raise_for_status().json()["data"]
            vectors += [entry["embedding"] for entry in sorted(data, key=lambda entry: entry["index"])]
    return vectors


def load(collection: Collection, vectors: Sequence[Sequence[float]]) -> float:
    """Make the table and its index; returns the seconds that inserting took."""
    with connection.cursor() as cursor:
        columns = (
            f"id bigint PRIMARY KEY, scope int, body text, embedding vector({len(vectors[0])}), "
            "english tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED"
        )
        cursor.execute(f"CREATE TABLE benchmark ({columns})")
        for statement in build_creation(INDEX):
            cursor.execute(statement)
        bodies = enumerate(collection.documents.values())
        rows = [(number, 1, body.replace("\x00", ""), str(list(vectors[number]))) for number, body in bodies]
        start = time.perf_counter()
        for first in range(0, len(rows), 500):
            part = rows[first : first + 500]
            values = ",".join(["(%s, %s, %s, %s::vector)"] * len(part))
            cursor.execute(f"INSERT INTO benchmark VALUES {values}", [value for row in part for value in row])
        seconds = time.perf_counter() - start
        cursor.execute("ANALYZE")
    api.fold(index=INDEX)
    api.rebuild(index=INDEX)
    return seconds


def measure(collection: Collection, query_vectors: Mapping[str, Sequence[float]]) -> list[tuple[str, float, float]]:
    """(way, mean nDCG@10, median milliseconds a question) for each way of ranking."""
    ways: dict[str, Callable[[str, str], list[int]]] = {
        "BM25": lambda _, text: _search(text, None, Limits()),
        "BM25, by candidates": lambda _, text: _search(text, None, Limits(scan_rows=0)),
        "dense, exact": lambda key, _: _search("", query_vectors[key], Limits()),
        "fused, RRF k=20": lambda key, text: _search(text, query_vectors[key], Limits()),
        "fused, RRF k=60": lambda key, text: _search(text, query_vectors[key], Limits(rrf_k=60)),
        "fused, by candidates and HNSW": lambda key, text: _search(text, query_vectors[key], Limits(scan_rows=0)),
        "ts_rank_cd, any word": lambda _, text: _cover_density(text),
    }
    names = list(collection.documents)
    results = []
    for way, rank in ways.items():
        scores, times = [], []
        for key, text in collection.queries.items():
            start = time.perf_counter()
            ranking = rank(key, text)
            times.append(time.perf_counter() - start)
            scores.append(ndcg([names[number] for number in ranking], collection.relevant[key], DEPTH))
        results.append((way, sum(scores) / len(scores), sorted(times)[len(times) // 2] * 1000))
    return results


def _search(text: str, embedding: Sequence[float] | None, limits: Limits) -> list[int]:
    hits = api.search(
        index=INDEX,
        text=text,
        scopes=AllScopes(),  # type: ignore[arg-type]  # the one method of a queryset that is used
        embedding=embedding,
        count=DEPTH,
        limits=limits,
    )
    return [hit.key for hit in hits]


def _cover_density(text: str) -> list[int]:
    statement = queries.Statement(COVER_DENSITY, (text, DEPTH))
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        return [row[0] for row in cursor.fetchall()]
