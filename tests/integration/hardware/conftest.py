"""A GPU host at which the models are registered."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from inference.metrics.types import HostReading
from tests.hardware.host import ReadingHost, reading_host
from webapp.hardware import api, partitions
from webapp.hardware.services import storing
from webapp.llm.services import endpoints


@pytest.fixture
def gpu_host(db: None) -> Iterator[ReadingHost]:
    with reading_host() as host:
        for role in ("generate", "embed"):
            endpoints.set_model(role=role, url=host.url, model_name=role, name=role, detail={})
        yield host


@pytest.fixture
def collect(gpu_host: ReadingHost) -> Callable[[HostReading], int]:
    """Let the host say this, and collect it over HTTP."""

    def say_and_collect(reading: HostReading) -> int:
        gpu_host.say(reading)
        return api.collect()

    return say_and_collect


@pytest.fixture
def store(db: None) -> Callable[..., None]:
    """Store a reading as if it had been received when it was taken; the partitions are made for that day."""

    def at_that_time(reading: HostReading, base_url: str = "http://gpu-1.example") -> None:
        moment = datetime.fromisoformat(reading.taken_at)
        partitions.ensure_partitions(moment)
        storing.store(base_url, reading, moment)

    return at_that_time


@pytest.fixture
def now() -> datetime:
    """A little before now, to the second, so that a reading is never from the future."""
    return timezone.now().replace(microsecond=0) - timedelta(seconds=1)
