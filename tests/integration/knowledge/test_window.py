"""Passages fit the real embedder's window, although they are measured without its tokenizer."""

import httpx

from appliance.settings import environment
from webapp.knowledge.chunking import cut
from webapp.knowledge.parsing.reading import read_document

BATCH = 64
MOST_TRUNCATED = 0.03


def test_passages_of_the_documentation_fit_the_window(embedder: str) -> None:
    spans = []
    for path in sorted((environment.REPOSITORY / "docs").rglob("*.md")):
        parsed = read_document(path.read_bytes(), path.name)
        spans += cut(parsed.text, parsed.blocks)
    largest = sorted(spans, key=lambda span: -len(span.embedding_text))[:BATCH]
    body = {"model": "all-MiniLM-L6-v2", "input": [span.embedding_text for span in largest]}
    answer = httpx.post(f"{embedder}/v1/embeddings", json=body, timeout=120, trust_env=False).raise_for_status().json()
    assert len(largest) > 30
    assert len(answer["truncated"]) <= len(spans) * MOST_TRUNCATED
