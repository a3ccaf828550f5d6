"""The periodic settlement of calls whose maker is gone."""

from celery import shared_task

from webapp.usage import api


@shared_task(name="usage.abandon_stale", ignore_result=True)
def abandon_stale_calls() -> None:
    api.abandon_stale()
