"""The stream of a run's events, through the ASGI application."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient

from webapp.accounts.models import User
from webapp.agents import api as agents
from webapp.agents.types import RunInfo
from webapp.streaming import api as streaming

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def ended(transactional_db: None) -> Iterator[tuple[User, RunInfo]]:
    """A run with five events, the last of them final."""
    user = User.objects.create_user("ada")
    run = agents.create_run(user_id=user.pk, question="How deep is it?")
    streaming.append(run_id=run.id, type="run_started", data={"attempt": 1}, attempt=1)
    for text in ("Nine ", "metres"):
        streaming.append(run_id=run.id, type="token", data={"text": text}, attempt=1)
    streaming.append(run_id=run.id, type="run_finished", data={}, attempt=1)
    yield user, run
    agents.delete_thread(user_id=user.pk, thread_id=run.thread_id)


async def read(user: User, address: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    client = AsyncClient()
    await client.aforce_login(user, backend=BACKEND)
    response: Any = await client.get(address, headers=headers)
    body = b"".join([part async for part in response]) if response.streaming else response.content
    await sync_to_async(connections.close_all)()
    return response.status_code, body.decode(), dict(response.items())


def numbers(body: str) -> list[int]:
    return [int(line.removeprefix("id: ")) for line in body.splitlines() if line.startswith("id: ")]


async def test_events_are_replayed_from_the_first(ended: tuple[User, RunInfo]) -> None:
    user, run = ended
    status, body, headers = await read(user, f"/runs/{run.id}/events")
    assert status == 200
    assert numbers(body) == [1, 2, 3, 4, 5]
    assert headers["Content-Type"] == "text/event-stream"
    assert "no-cache" in headers["Cache-Control"]
    assert headers["X-Accel-Buffering"] == "no"


async def test_events_continue_after_the_last_one_seen(ended: tuple[User, RunInfo]) -> None:
    user, run = ended
    _, by_header, _ = await read(user, f"/runs/{run.id}/events", **{"Last-Event-ID": "3"})
    _, by_address, _ = await read(user, f"/runs/{run.id}/events?after=3")
    _, both, _ = await read(user, f"/runs/{run.id}/events?after=1", **{"Last-Event-ID": "3"})
    assert numbers(by_header) == numbers(by_address) == numbers(both) == [4, 5]


async def test_events_of_another_user_are_not_there(ended: tuple[User, RunInfo]) -> None:
    _, run = ended
    other = await User.objects.acreate_user("grace")
    status, body, headers = await read(other, f"/runs/{run.id}/events")
    assert status == 404
    assert "event: token" not in body
    assert headers["Content-Type"].startswith("text/html")


async def test_events_of_no_run_are_not_there(ended: tuple[User, RunInfo]) -> None:
    assert (await read(ended[0], f"/runs/{uuid4()}/events"))[0] == 404
