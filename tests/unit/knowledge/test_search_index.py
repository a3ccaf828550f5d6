"""The index that queries use is the one that the migration made."""

from importlib import import_module

from webapp.knowledge.search_index import CHUNKS
from webapp.search.operations import AddSearchIndex


def test_migrated_index_is_the_one_in_use() -> None:
    migration = import_module("webapp.knowledge.migrations.0002_chunks_are_searchable").Migration
    made = [operation.index for operation in migration.operations if isinstance(operation, AddSearchIndex)]
    assert made == [CHUNKS]
