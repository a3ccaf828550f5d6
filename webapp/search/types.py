"""The values of the search room: what is indexed, and what a search gives."""

import re
from dataclasses import dataclass
from typing import Any

IDENTIFIER = re.compile(r"^[a-z_][a-z0-9_]{0,39}$")


@dataclass(frozen=True)
class SearchIndex:
    """How one table is searched.

    ``name`` prefixes the tables and functions made for it in the schema ``search``. ``key`` is the table's bigint or
    UUID primary key, ``scope`` the column that permission is decided by. ``text_sql`` is an SQL expression over a row
    called ``r``; ``vector`` the column of a normalized pgvector embedding, or None. ``key_type`` and ``scope_type`` are
    the columns' SQL types. Nothing here may come from a user.
    """

    name: str
    table: str
    key: str
    key_type: str
    scope: str
    scope_type: str
    text_sql: str
    vector: str | None = None
    configuration: str = "search.english"

    def __post_init__(self) -> None:
        for value in (self.name, self.table, self.key, self.scope, self.vector or "x"):
            if not IDENTIFIER.match(value):
                raise ValueError(f"{value!r} is not a plain SQL identifier of at most 40 letters")

    @property
    def names(self) -> dict[str, str]:
        """What the SQL templates are filled with."""
        return {
            "table": f'"{self.table}"',
            "key": f'"{self.key}"',
            "key_type": self.key_type,
            "scope": f'"{self.scope}"',
            "scope_type": self.scope_type,
            "text": self.text_sql,
            "vector": f'"{self.vector}"',
            "configuration": f"'{self.configuration}'",
            "name": self.name,
            "rows": f"search.{self.name}_rows",
            "terms": f"search.{self.name}_terms",
            "totals": f"search.{self.name}_totals",
            "deltas": f"search.{self.name}_deltas",
        }


@dataclass(frozen=True)
class Limits:
    """When to change strategy, and how much to look at. The figures are measured ones, see ``planning``."""

    scan_rows: int = 15_000
    candidates: int = 100
    rrf_k: int = 20


@dataclass(frozen=True)
class Hit:
    """A row found. Ranks count from 1 and are None where that half did not find the row.

    ``lexical_score`` is BM25 without the constant factor (k1 + 1); ``distance`` is cosine distance.
    """

    key: Any
    score: float
    lexical_rank: int | None
    lexical_score: float | None
    dense_rank: int | None
    distance: float | None
