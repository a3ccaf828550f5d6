"""An administrator's browser, somebody else's, and readings that have just come in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from inference.metrics.types import HostReading
from tests.hardware.readings import CALM, ENGINE, HOT, build_reading, grow
from webapp.accounts.models import User
from webapp.hardware import partitions
from webapp.hardware.models import Gpu, Host
from webapp.hardware.services import storing
from webapp.llm.services import endpoints

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
URL = "http://gpu-1.example:8406"
Store = Callable[..., None]


@pytest.fixture
def administrator_page(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root-user"), backend=BACKEND)
    return client


@pytest.fixture
def ordinary_page(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("ada"), backend=BACKEND)
    return client


@pytest.fixture
def now() -> datetime:
    return timezone.now().replace(microsecond=0) - timedelta(seconds=2)


@pytest.fixture
def store(db: None, now: datetime) -> Store:
    """Store a reading as if it had come when it was taken."""
    endpoints.set_model(role="generate", url=URL, model_name="m", name="m", detail={})

    def at_that_time(reading: HostReading, *, url: str = URL, received_at: datetime | None = None) -> None:
        moment = datetime.fromisoformat(reading.taken_at)
        partitions.ensure_partitions(moment)
        storing.store(url, reading, received_at or moment)

    return at_that_time


@pytest.fixture
def minute_of_readings(store: Store, now: datetime) -> None:
    """Five readings of two GPUs, the second too hot, and of an engine that writes 40 tokens a second."""
    for number in range(5):
        at = now - timedelta(seconds=15 * (4 - number))
        engine = grow(ENGINE, generation=600.0 * number, prompt=1500.0 * number)
        store(build_reading(at, replace(CALM, utilization_percent=60.0 + number), HOT, engine=engine))


@pytest.fixture
def age_everything(db: None) -> Callable[[timedelta], None]:
    """Let what was read have been read that much earlier, as far as the pages can see."""

    def age(by: timedelta) -> None:
        for host in Host.objects.all():
            assert host.taken_at is not None
            assert host.received_at is not None
            host.taken_at, host.received_at = host.taken_at - by, host.received_at - by
            host.save()
        Gpu.objects.update(last_seen_at=F("last_seen_at") - by)

    return age
