"""Chunks stand in their document's collection, and are searchable."""

from django.db import migrations

from webapp.search.operations import AddSearchIndex
from webapp.search.types import SearchIndex

SAME_COLLECTION = """
ALTER TABLE knowledge_chunk ADD CONSTRAINT chunk_in_its_documents_collection
    FOREIGN KEY (document_id, collection_id) REFERENCES knowledge_document (id, collection_id)
    ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED
"""


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0001_initial"), ("search", "0001_initial")]
    operations = [
        migrations.RunSQL(
            SAME_COLLECTION, "ALTER TABLE knowledge_chunk DROP CONSTRAINT chunk_in_its_documents_collection"
        ),
        AddSearchIndex(
            SearchIndex(
                name="knowledge_chunk",
                table="knowledge_chunk",
                key="id",
                key_type="bigint",
                scope="collection_id",
                scope_type="uuid",
                text_sql="concat_ws(' ', array_to_string(r.heading_path, ' '), r.text)",
                vector="embedding",
            )
        ),
    ]
