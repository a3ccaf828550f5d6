"""How chunks are searched: heading path and text by words, the embedding by meaning, permission by collection."""

from webapp.search.types import SearchIndex

CHUNKS = SearchIndex(
    name="knowledge_chunk",
    table="knowledge_chunk",
    key="id",
    key_type="bigint",
    scope="collection_id",
    scope_type="uuid",
    text_sql="concat_ws(' ', array_to_string(r.heading_path, ' '), r.text)",
    vector="embedding",
)
