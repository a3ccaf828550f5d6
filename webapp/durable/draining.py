"""Whether this worker has been told to stop. Long work looks now and then, and hands its lease back."""

from threading import Event
from typing import Any

from celery.signals import worker_shutting_down

_draining = Event()


def is_draining() -> bool:
    return _draining.is_set()


@worker_shutting_down.connect(weak=False)
def start_draining(**_: Any) -> None:
    _draining.set()
