"""How the engine and the embedder are started, and when they count as ready."""
