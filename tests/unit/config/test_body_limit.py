"""What is sent to the appliance is bounded before anything of it is kept."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest

from webapp.config.asgi import application
from webapp.config.body_limit import FORM_BYTES, BodyLimit, upload_bytes

UPLOAD = f"/collections/{uuid4()}/documents"


class Recorder:
    """An application that reads the whole body, as Django does, and remembers what it was given."""

    def __init__(self) -> None:
        self.kept = 0
        self.aborted = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.aborted = True
                return
            self.kept += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def ask(app: Any, path: str, chunks: Iterable[int], *, announced: int | None = None) -> tuple[list[int], int]:
    """The statuses that were answered, and how many messages were taken from the network."""
    waiting, statuses, taken = list(chunks), [], 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        size = waiting.pop(0)
        return {"type": "http.request", "body": bytes(size), "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    await app(scope, receive, send)
    return statuses, taken


@pytest.mark.parametrize("path", ["/", "/account/login/", f"{UPLOAD}/x", f"{UPLOAD}\n", "/collections/x/documents"])
async def test_body_that_announces_too_much_is_refused_unread(path: str) -> None:
    inner = Recorder()
    assert await ask(BodyLimit(inner, max_upload_bytes=FORM_BYTES), path, [5], announced=FORM_BYTES + 1) == ([413], 0)
    assert inner.kept == 0


async def test_body_that_announces_nothing_is_refused_when_it_grows_too_large() -> None:
    inner = Recorder()
    statuses, taken = await ask(BodyLimit(inner, max_upload_bytes=FORM_BYTES), "/", [FORM_BYTES, 1, 1, 1])
    assert (statuses, taken) == ([413], 2)
    assert inner.aborted
    assert inner.kept == FORM_BYTES


async def test_body_that_lies_about_its_length_is_refused() -> None:
    statuses, _ = await ask(BodyLimit(Recorder(), max_upload_bytes=FORM_BYTES), "/", [FORM_BYTES, 1], announced=1)
    assert statuses == [413]


async def test_body_at_the_limit_is_taken() -> None:
    inner = Recorder()
    statuses, _ = await ask(BodyLimit(inner, max_upload_bytes=FORM_BYTES), "/", [FORM_BYTES], announced=FORM_BYTES)
    assert statuses == [200]
    assert inner.kept == FORM_BYTES


async def test_upload_may_be_larger_and_is_bounded_too() -> None:
    limited = BodyLimit(Recorder(), max_upload_bytes=upload_bytes(2))
    most = 8 * 2**20 + FORM_BYTES
    assert (await ask(limited, UPLOAD, [9], announced=most))[0] == [200]
    assert (await ask(limited, UPLOAD, [9], announced=most + 1))[0] == [413]


async def test_application_that_is_served_has_the_limit() -> None:
    assert await ask(application, "/", [5], announced=FORM_BYTES + 1) == ([413], 0)
