"""A retrieval collection in BEIR layout: corpus.jsonl, queries.jsonl, qrels/test.tsv."""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Collection:
    """Texts and questions by id, and for each question the relevant texts with their grade."""

    documents: Mapping[str, str]
    queries: Mapping[str, str]
    relevant: Mapping[str, Mapping[str, int]]


def read_collection(folder: Path) -> Collection:
    documents = {row["_id"]: _join(row) for row in _read_lines(folder / "corpus.jsonl")}
    queries = {row["_id"]: row["text"] for row in _read_lines(folder / "queries.jsonl")}
    relevant: dict[str, dict[str, int]] = {}
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            relevant.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    judged = {key: text for key, text in queries.items() if any(grade > 0 for grade in relevant.get(key, {}).values())}
    return Collection(documents, judged, relevant)


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], depth: int = 10) -> float:
    """Normalized discounted cumulative gain with linear gain (Jarvelin and Kekalainen 2002)."""
    gained = sum(max(0, grades.get(key, 0)) / math.log2(place + 2) for place, key in enumerate(ranking[:depth]))
    best = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:depth]
    ideal = sum(grade / math.log2(place + 2) for place, grade in enumerate(best))
    return gained / ideal if ideal else 0.0


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def _join(row: Mapping[str, str]) -> str:
    """Title, then text: the layout's custom, although some texts begin with their title already."""
    return f"{row.get('title', '')} {row['text']}".strip()
