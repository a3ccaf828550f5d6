"""How good is search? nDCG@10 of BM25, vectors and their fusion on a judged collection, on a real PostgreSQL."""
