"""Fetching what ``engine-proxy`` says about its hardware: small, quick, and never trusted to end by itself."""

import time

import httpx

from webapp.llm.errors import EngineTimeout, EngineUnavailable
from webapp.llm.services import wire

CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0
DEADLINE_SECONDS = 10.0
MAX_BYTES = 2**20


def read_hardware(base_url: str) -> bytes:
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    deadline = time.monotonic() + DEADLINE_SECONDS
    try:
        with wire.client().stream("GET", f"{base_url}/hardware", timeout=timeout) as response:
            body = _read(response, deadline)
            if response.status_code != 200:
                raise wire.error_of_status(response.status_code, body.decode(errors="replace"))
            return body
    except httpx.HTTPError as error:
        raise wire.error_of_transport(error) from error


def _read(response: httpx.Response, deadline: float) -> bytes:
    body = b""
    for part in response.iter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise EngineUnavailable("the reading is longer than any reading can be")
        if time.monotonic() > deadline:
            raise EngineTimeout(f"the reading was not complete after {DEADLINE_SECONDS:.0f} seconds")
    return body
