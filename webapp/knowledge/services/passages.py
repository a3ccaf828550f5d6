"""Chunks as passages, with the permission checked in the statement that reads them."""

from collections.abc import Sequence

from webapp.knowledge.models import Chunk
from webapp.knowledge.services import access
from webapp.knowledge.types import Passage

LARGEST_ID = 2**63 - 1


def get_passages(user_id: int, chunk_ids: Sequence[int]) -> list[Passage]:
    wanted = [chunk_id for chunk_id in dict.fromkeys(chunk_ids) if 0 < chunk_id <= LARGEST_ID]
    if not wanted:
        return []
    rows = (
        Chunk.objects.filter(pk__in=wanted, collection__in=access.readable_collections(user_id))
        .select_related("document")
        .defer("embedding")
    )
    found = {row.pk: row for row in rows}
    return [_build_passage(found[chunk_id]) for chunk_id in wanted if chunk_id in found]


def _build_passage(row: Chunk) -> Passage:
    return Passage(
        chunk_id=row.pk,
        document_id=row.document_id,
        collection_id=row.collection_id,
        title=row.document.title,
        heading_path=tuple(row.heading_path),
        page_start=row.page_start,
        page_end=row.page_end,
        char_start=row.char_start,
        char_end=row.char_end,
        text=row.text,
    )
