"""Collections, documents, passages and retrieval: what staff may ask about, and who may read it."""
