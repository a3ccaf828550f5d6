"""The passages a user may read that fit a question best. Permission stands in the statement that searches."""

from collections.abc import Collection as SizedIterable
from dataclasses import replace
from uuid import UUID

from django.db import transaction

from webapp.knowledge import models, types
from webapp.knowledge.search_index import CHUNKS
from webapp.knowledge.services import access
from webapp.knowledge.services.passages import get_passages
from webapp.llm import api as llm
from webapp.search import api as search
from webapp.search.planning import clean_query
from webapp.usage.types import Attribution

MOST_PASSAGES = 100


def retrieve(
    user_id: int, query: str, collection_ids: SizedIterable[UUID] | None, k: int, run_id: UUID | None
) -> types.Retrieval:
    scopes = access.readable_collections(user_id)
    if collection_ids is not None:
        scopes = scopes.filter(pk__in=set(collection_ids))
    embedding = None
    if text := clean_query(query).strip():
        attribution = Attribution(user_id=user_id, run_id=run_id, purpose="retrieve")
        [embedding] = llm.embed(texts=[text], attribution=attribution)
    hits = search.search(
        index=CHUNKS,
        text=text,
        scopes=scopes.values("pk"),
        embedding=embedding,
        count=max(0, min(k, MOST_PASSAGES)),
    )
    found = {passage.chunk_id: passage for passage in get_passages(user_id, [hit.key for hit in hits])}
    ranked = [hit for hit in hits if hit.key in found]
    passages = tuple(replace(found[hit.key], score=hit.score, rank=rank) for rank, hit in enumerate(ranked, start=1))
    with transaction.atomic():
        retrieval = models.Retrieval.objects.create(
            user_id=user_id, run_id=run_id, collection_ids=None if collection_ids is None else list(collection_ids)
        )
        models.RetrievedChunk.objects.bulk_create(
            models.RetrievedChunk(
                retrieval=retrieval,
                rank=passage.rank,
                chunk_id=passage.chunk_id,
                document_id=passage.document_id,
                score=hit.score,
                lexical_rank=hit.lexical_rank,
                dense_rank=hit.dense_rank,
            )
            for hit, passage in zip(ranked, passages, strict=True)
        )
    return types.Retrieval(id=retrieval.pk, query=query, passages=passages)


def delete_retrievals(run_ids: SizedIterable[UUID]) -> None:
    models.Retrieval.objects.filter(run_id__in=list(run_ids)).delete()
