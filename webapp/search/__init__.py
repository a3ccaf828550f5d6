"""Hybrid search for any Django model: BM25 and vectors inside PostgreSQL. Knows nothing of the rest of the project."""
