"""A query's plan: the weighted terms, and which strategy reads least. Pure.

Two strategies now, both exact:

* ``SCAN``: few rows are visible. They are taken by scope and scored one by one; no inverted index.
* ``CANDIDATES``: the inverted index gives the rows that hold any of the terms and stand in a visible scope.

``choose_strategy`` is the seam for a third one: above about 25,000 postings, find a threshold with the rarest terms and
ask the inverted index only for rows whose terms can reach it. The lexemes' index is a tsvector for that reason, and
``LexicalQuery.postings`` is what decides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from webapp.search.statements import DIMENSIONS
from webapp.search.types import Limits

MOST_QUERY_TERMS = 128
LONGEST_QUERY = 8_000  # characters that are read


class Strategy(Enum):
    SCAN = "scan"
    CANDIDATES = "candidates"


@dataclass(frozen=True)
class QueryTerm:
    """A hashed lexeme of the query: how often there, and in how many rows of the index."""

    term: int
    tf: int
    rows: int


@dataclass(frozen=True)
class LexicalQuery:
    """Weights of the query's terms by dimension; empty when no row can match."""

    weights: tuple[tuple[int, float], ...]
    postings: int

    @property
    def sparse_vector(self) -> str:
        return "{" + ",".join(f"{term}:{weight!r}" for term, weight in self.weights) + f"}}/{DIMENSIONS}"

    @property
    def any_term(self) -> str:
        """The tsquery that holds for rows with any of the terms."""
        return " | ".join(str(term) for term, _ in self.weights)


def build_lexical_query(terms: Sequence[QueryTerm], total_rows: int) -> LexicalQuery:
    """Weigh each term by its frequency in the query and idf = ln(1 + (N - n + 0.5) / (n + 0.5)), never negative. Of a
    very long query the heaviest terms are kept."""
    weighted = []
    for term in terms:
        if term.rows <= 0:
            continue
        rows = min(term.rows, total_rows)
        idf = math.log(1 + (total_rows - rows + 0.5) / (rows + 0.5))
        weighted.append((term.tf * idf, term))
    weighted.sort(key=lambda pair: (-pair[0], pair[1].term))
    kept = weighted[:MOST_QUERY_TERMS]
    postings = sum(term.rows for _, term in kept)
    return LexicalQuery(tuple(sorted((term.term, weight) for weight, term in kept)), postings)


def choose_strategy(visible_rows: int, limits: Limits) -> Strategy:
    return Strategy.SCAN if visible_rows <= limits.scan_rows else Strategy.CANDIDATES


def clean_query(text: str) -> str:
    """What PostgreSQL can take: no NUL, no half characters, not endless."""
    return text[:LONGEST_QUERY].replace("\x00", " ").encode("utf-8", "ignore").decode("utf-8")
