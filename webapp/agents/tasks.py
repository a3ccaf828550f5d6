"""The Celery task behind a wake-up: the lease decides whether there is anything to do."""

from uuid import UUID

from celery import shared_task

from webapp.agents.runs import kind
from webapp.agents.runs.runner import run_once


@shared_task(name=kind.TASK)
def execute_run(run_id: str) -> None:
    """Work on the run if it can be had; idempotent, however often it is woken."""
    run_once(UUID(run_id))
