"""Celery's way into the knowledge room. A task is a wake-up; the lease decides who works."""

from uuid import UUID

from celery import shared_task

from webapp.knowledge.services import ingestion


@shared_task(name="knowledge.ingest", ignore_result=True)
def ingest(subject_id: str) -> None:
    ingestion.ingest(UUID(subject_id))
