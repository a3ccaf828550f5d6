"""The periodic sweep."""

from celery import shared_task

from webapp.durable.sweep import sweep


@shared_task(name="durable.sweep", ignore_result=True)
def sweep_leases() -> None:
    sweep()
