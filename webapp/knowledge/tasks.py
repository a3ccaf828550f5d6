"""Celery's way into the knowledge room. A task is a wake-up; the lease decides who works."""

from uuid import UUID

from celery import shared_task

from webapp.knowledge.search_index import CHUNKS
from webapp.knowledge.services import ingestion
from webapp.search import api as search


@shared_task(name="knowledge.ingest", ignore_result=True)
def ingest(subject_id: str) -> None:
    ingestion.ingest(UUID(subject_id))


@shared_task(name="knowledge.fold_statistics", ignore_result=True)
def fold_statistics() -> None:
    """Search works without it; it keeps the statistics' differences few."""
    search.fold(index=CHUNKS)
