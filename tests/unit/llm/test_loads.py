"""What a reading says about the load of the engine."""

import json

import pytest

from inference.metrics.parse import to_json
from inference.metrics.types import EngineReading, HostReading
from webapp.llm.services.loads import parse_load


def document(engine: EngineReading | None, answers: bool | None = True) -> bytes:
    at = "2026-01-01T00:00:00+00:00"
    return json.dumps(to_json(HostReading("gpu1", at, "authored", engine=engine, engine_answers=answers))).encode()


@pytest.mark.parametrize(
    ("reading", "load"),
    [
        (document(EngineReading("m", running=3.0, waiting=4.0)), (7.0, True)),
        (document(EngineReading("m", running=-3.0, waiting=4.0)), (4.0, True)),
        (document(EngineReading("m", running=3.0)), (None, True)),
        (document(None), (None, True)),
        (document(None, answers=False), (None, False)),
        (document(None, answers=None), (None, True)),
        (b"not JSON", (None, True)),
        (b"{}", (None, True)),
        (b"[" * 100_000, (None, True)),
    ],
)
def test_load_of_a_reading(reading: bytes, load: tuple[float | None, bool]) -> None:
    assert parse_load(reading) == load
