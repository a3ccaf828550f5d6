"""A worker that is told to stop knows it."""

from collections.abc import Iterator

import pytest
from celery.signals import worker_shutting_down

from webapp.durable import api, draining


@pytest.fixture(autouse=True)
def not_draining() -> Iterator[None]:
    yield
    draining._draining.clear()


def test_worker_drains_from_its_shutdown_signal_on() -> None:
    assert not api.is_draining()
    worker_shutting_down.send(sender="worker@here", sig="TERM", how="Warm", exitcode=0)
    assert api.is_draining()
