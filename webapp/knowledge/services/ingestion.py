"""Indexing a document: read it, cut it into passages, embed them, and write everything in one transaction.

Progress is written in short transactions of its own. The last one makes the document searchable, whole, or not at all.
What only the file's owner can put right ends as ``failed`` with a reason; what may pass by itself is tried again.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from appliance.settings import environment
from webapp.durable import api as durable
from webapp.durable.errors import LeaseLost
from webapp.durable.types import LeaseGrant
from webapp.knowledge.chunking import ChunkSpan, cut
from webapp.knowledge.models import EMBEDDING_DIMENSIONS, Chunk, Document, DocumentFile, DocumentText, Status
from webapp.knowledge.parsing.errors import UnreadableDocument
from webapp.knowledge.parsing.sandbox import ParsingLimits, parse_in_child
from webapp.knowledge.parsing.types import SCHEMA_VERSION, ParsedDocument
from webapp.knowledge.search_index import CHUNKS
from webapp.llm import api as llm
from webapp.llm.errors import LlmError, NoModel
from webapp.search import api as search
from webapp.usage.types import Attribution

logger = logging.getLogger(__name__)

KIND = "ingest"
MAX_ATTEMPTS = 8
BATCH = 32
LONGEST_DELAY_SECONDS = 60
GAVE_UP = "Indexing was given up. {cause} Try again, or ask your administrator (reference {reference})."
EMBEDDER_SILENT = "The embedding service did not do its part."
UNEXPECTED = "Something unexpected went wrong."


class Draining(Exception):
    """This worker was told to stop."""


def ingest(document_id: UUID) -> None:
    """Do the work if it is to be had. Safe to call at any time and more than once."""
    grant = durable.acquire(kind=KIND, subject_id=document_id)
    if grant is None:
        return
    try:
        with durable.hold(grant):
            _work(grant)
    except LeaseLost:
        logger.info("ingestion of %s was taken over or withdrawn", document_id)


def give_up(document_id: UUID, error: str) -> None:
    """After the last attempt: say so on the document, in the transaction that gives the work up."""
    cause = EMBEDDER_SILENT if error.startswith("embedder") else UNEXPECTED
    reason = GAVE_UP.format(cause=cause, reference=document_id.hex[:8])
    Document.objects.filter(pk=document_id).exclude(status=Status.READY).update(status=Status.FAILED, reason=reason)


def _work(grant: LeaseGrant) -> None:
    try:
        _index(grant)
    except LeaseLost:
        raise
    except UnreadableDocument as refusal:
        _fail(grant, str(refusal))
    except Draining:
        _hand_back(grant, delay_seconds=0, error="the worker is stopping", count_attempt=False)
    except LlmError as error:
        # No embedder is registered while the appliance is starting: that passes, too.
        if error.retryable or isinstance(error, NoModel):
            _hand_back(grant, delay_seconds=_delay(grant.attempt), error=f"embedder: {error}")
        else:
            logger.exception("the embedder refused passages of %s", grant.subject_id)
            durable.bury(grant, error=f"embedder: {error}")
    except Exception as error:
        logger.exception("ingestion of %s failed in attempt %s", grant.subject_id, grant.attempt)
        _hand_back(grant, delay_seconds=_delay(grant.attempt), error=f"{type(error).__name__}: {error}")


def _index(grant: LeaseGrant) -> None:
    document = _set_status(grant, Status.PARSING)
    content = DocumentFile.objects.filter(document_id=grant.subject_id).values_list("content", flat=True).first()
    if document is None or content is None:
        durable.finish(grant)
        return
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: reading may take minutes
    parsed = parse_in_child(bytes(content), document.filename, _limits())
    del content
    spans = cut(parsed.text, parsed.blocks)
    _set_status(grant, Status.EMBEDDING, total=len(spans))
    vectors = _embed(grant, document, spans)
    with transaction.atomic():
        durable.check(grant)
        if Document.objects.select_for_update().filter(pk=document.pk).exists():
            _write(document, parsed, spans, vectors)
        durable.finish(grant)
    search.fold(index=CHUNKS)


def _embed(grant: LeaseGrant, document: Document, spans: Sequence[ChunkSpan]) -> list[list[float]]:
    attribution = Attribution(user_id=document.created_by_id, attempt=grant.attempt, purpose="ingest")
    vectors: list[list[float]] = []
    for start in range(0, len(spans), BATCH):
        if durable.is_draining():
            raise Draining
        batch = spans[start : start + BATCH]
        vectors += llm.embed(texts=[span.embedding_text for span in batch], attribution=attribution)
        _set_status(grant, Status.EMBEDDING, done=len(vectors), total=len(spans))
    if any(len(vector) != EMBEDDING_DIMENSIONS for vector in vectors):
        raise ValueError(f"the embedder's vectors do not have {EMBEDDING_DIMENSIONS} dimensions")
    return vectors


def _write(
    document: Document, parsed: ParsedDocument, spans: Sequence[ChunkSpan], vectors: Sequence[Sequence[float]]
) -> None:
    Chunk.objects.filter(document_id=document.pk).delete()
    blocks = {"schema_version": SCHEMA_VERSION, "blocks": [asdict(block) for block in parsed.blocks]}
    DocumentText.objects.update_or_create(document_id=document.pk, defaults={"text": parsed.text, "blocks": blocks})
    Chunk.objects.bulk_create(
        [
            Chunk(
                document_id=document.pk,
                collection_id=document.collection_id,
                ordinal=ordinal,
                heading_path=list(span.headings),
                page_start=span.page_start,
                page_end=span.page_end,
                char_start=span.start,
                char_end=span.end,
                text=span.text,
                embedding=vector,
            )
            for ordinal, (span, vector) in enumerate(zip(spans, vectors, strict=True))
        ],
        batch_size=500,
    )
    Document.objects.filter(pk=document.pk).update(
        status=Status.READY,
        reason="",
        progress_done=len(spans),
        progress_total=len(spans),
        page_count=parsed.page_count,
        **({"title": parsed.title[:300]} if parsed.title else {}),
    )


def _set_status(grant: LeaseGrant, status: Status, *, done: int = 0, total: int = 0) -> Document | None:
    """A short transaction that only the lease's owner can make; the document, or None when it is gone."""
    with transaction.atomic():
        durable.check(grant)
        rows = Document.objects.filter(pk=grant.subject_id)
        rows.update(status=status, reason="", progress_done=done, progress_total=total)
        return rows.first()


def _fail(grant: LeaseGrant, reason: str) -> None:
    with transaction.atomic():
        durable.check(grant)
        Document.objects.filter(pk=grant.subject_id).update(
            status=Status.FAILED, reason=reason, progress_done=0, progress_total=0
        )
        durable.finish(grant)


def _hand_back(grant: LeaseGrant, *, delay_seconds: float, error: str, count_attempt: bool = True) -> None:
    with transaction.atomic():
        durable.check(grant)
        Document.objects.filter(pk=grant.subject_id).update(
            status=Status.QUEUED, reason="", progress_done=0, progress_total=0
        )
        durable.retry(grant, delay_seconds=delay_seconds, error=error, count_attempt=count_attempt)


def _delay(attempt: int) -> float:
    return float(min(LONGEST_DELAY_SECONDS, 2**attempt))


def _limits() -> ParsingLimits:
    ingestion = settings.APPLIANCE.ingestion
    return ParsingLimits(
        seconds=ingestion.parse_timeout_seconds,
        memory_mib=ingestion.parse_memory_mib,
        code_root=environment.REPOSITORY,
    )
