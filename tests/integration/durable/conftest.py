"""A kind of work for each test, and what it needs to look at."""

import base64
import json
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis
from django.db.models.functions import Now
from pytest_django import Settings

from tests.integration.streaming.redis_process import RedisProcess
from webapp.durable import api, registry, wakeups
from webapp.durable.models import Lease


class Work:
    """A kind of work with its own name; ``dead`` collects what was given up."""

    def __init__(self, name: str) -> None:
        self.kind = name
        self.dead: list[tuple[UUID, str]] = []
        self.register()

    def register(self, *, max_attempts: int = 3, lease_seconds: float = 30) -> None:
        api.register(
            kind=self.kind,
            task_name=f"test.{self.kind}",
            max_attempts=max_attempts,
            lease_seconds=lease_seconds,
            queue="runs",
            on_dead=lambda subject_id, error: self.dead.append((subject_id, error)),
        )

    def enqueue(self) -> UUID:
        subject_id = uuid4()
        api.enqueue(kind=self.kind, subject_id=subject_id)
        return subject_id

    def get_lease(self, subject_id: UUID) -> Lease:
        return Lease.objects.get(kind=self.kind, subject_id=subject_id)

    def let_expire(self, subject_id: UUID) -> None:
        """As if the owner had been silent for as long as its lease."""
        past = Now() - timedelta(seconds=1)
        assert Lease.objects.filter(kind=self.kind, subject_id=subject_id, state="leased").update(expires_at=past)

    def let_wake_up_expire(self) -> None:
        Lease.objects.filter(kind=self.kind).update(woken_at=Now() - timedelta(seconds=wakeups.WAKE_UP_SECONDS + 1))


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work(f"work-{uuid4().hex[:8]}")
    yield work
    del registry._kinds[work.kind]


@pytest.fixture
def broker(settings: Settings) -> Iterator[RedisProcess]:
    """A broker of the test's own, which wake-ups go to."""
    with tempfile.TemporaryDirectory(prefix="broker-") as folder:
        server = RedisProcess(Path(folder))
        server.start()
        settings.CELERY_BROKER_URL = f"redis+socket://{server.socket}?virtual_host=1"
        wakeups.publisher.cache_clear()
        yield server
        wakeups.publisher().close()
        wakeups.publisher.cache_clear()
        server.kill()


@pytest.fixture
def read_wakeups(broker: RedisProcess) -> Callable[[], list[UUID]]:
    """Take all wake-ups out of the broker's queue for runs; each has to expire."""

    def read() -> list[UUID]:
        subjects = []
        with redis.Redis(unix_socket_path=str(broker.socket), db=1) as client:
            while raw := client.rpop("runs"):
                message = json.loads(str(raw, "utf-8"))
                assert message["headers"]["expires"] is not None
                positional, _, _ = json.loads(base64.b64decode(message["body"]))
                subjects.append(UUID(positional[0]))
        return subjects

    return read
