"""What a reading says about the load of the engine."""

import json

import pytest

from inference.metrics.parse import to_json
from inference.metrics.types import EngineReading, HostReading
from webapp.llm.services.loads import parse_requests


def document(engine: EngineReading | None) -> bytes:
    return json.dumps(to_json(HostReading("gpu1", "2026-01-01T00:00:00+00:00", "authored", engine=engine))).encode()


@pytest.mark.parametrize(
    ("reading", "requests"),
    [
        (document(EngineReading("m", running=3.0, waiting=4.0)), 7.0),
        (document(EngineReading("m", running=-3.0, waiting=4.0)), 4.0),
        (document(EngineReading("m", running=3.0)), None),
        (document(None), None),
        (b"not JSON", None),
        (b"{}", None),
        (b"[" * 100_000, None),
    ],
)
def test_requests_of_a_reading(reading: bytes, requests: float | None) -> None:
    assert parse_requests(reading) == requests
