"""A Redis of the test's own, and what a run needs."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from tests.integration.streaming.redis_process import RedisProcess
from webapp.durable import api as durable
from webapp.durable import registry
from webapp.durable.types import LeaseGrant
from webapp.streaming import follow, log, redis
from webapp.streaming.hub import Hub
from webapp.streaming.publish import Publisher


@pytest.fixture
def own_hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub(linger_seconds=0)
    monkeypatch.setattr(follow, "hub", hub)
    return hub


@pytest.fixture
def own_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch, own_hub: Hub) -> Iterator[RedisProcess]:
    """A server that only this test uses, and may harm."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = RedisProcess(Path(folder))
        server.start()
        settings.REDIS_URL = f"unix://{server.socket}?db=0"
        redis.client.cache_clear()
        monkeypatch.setattr(log, "publisher", Publisher())
        yield server
        redis.client().close()
        redis.client.cache_clear()
        server.kill()


@pytest.fixture
def run_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work of kind "run", whatever the room above has registered for it."""
    kind = registry.Kind("run", "test.run", "runs", max_attempts=3, lease_seconds=30, on_dead=None)
    monkeypatch.setitem(registry._kinds, "run", kind)


@pytest.fixture
def grant(run_kind: None, db: None) -> LeaseGrant:
    run_id = uuid4()
    durable.enqueue(kind="run", subject_id=run_id)
    grant = durable.acquire(kind="run", subject_id=run_id)
    assert grant
    return grant


@pytest.fixture
def run_id() -> UUID:
    return uuid4()
