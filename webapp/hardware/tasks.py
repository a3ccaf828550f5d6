"""Celery's way into the hardware room.

Both can be repeated and run twice at once. Their time is bounded from inside, because a worker of threads cannot be
interrupted: a host has ten seconds to answer, a statement five (sixty for a rollup).
"""

from celery import shared_task

from webapp.hardware import api


@shared_task(name="hardware.collect", ignore_result=True)
def collect_readings() -> None:
    api.collect()


@shared_task(name="hardware.maintain", ignore_result=True)
def maintain_readings() -> None:
    api.maintain()
