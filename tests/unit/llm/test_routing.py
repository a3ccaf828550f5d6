"""Calls that come together are shared out, and what was counted is given back on every way out."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from inference.metrics.parse import to_json
from inference.metrics.types import EngineReading, HostReading
from webapp.llm.errors import EngineUnavailable
from webapp.llm.services import loads, readings, routing
from webapp.llm.types import ModelInfo

TOGETHER = 20
ENDPOINTS = [ModelInfo("generate", "Tiny", f"http://{name}.example:8443", "tiny") for name in ("first", "second")]
FIRST, SECOND = (each.base_url for each in ENDPOINTS)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, float]]:
    """Requests running by the engines' own metrics, which take a moment to come. A test may change them."""
    numbers = {FIRST: 0.0, SECOND: 0.0}

    def read(address: str) -> bytes:
        time.sleep(0.05)
        engine = EngineReading("tiny", running=numbers[address], waiting=0.0)
        reading = HostReading("gpu1", "2026-01-01T00:00:00+00:00", "authored", engine=engine, engine_answers=True)
        return json.dumps(to_json(reading)).encode()

    monkeypatch.setattr(readings, "read_hardware", read)
    routing.forget()
    yield numbers
    routing.forget()


def choose_together(affinity: str) -> Counter[str]:
    """Where as many calls go that have all chosen before the first one is sent."""
    chosen: Counter[str] = Counter()
    have_chosen = threading.Barrier(TOGETHER)

    def ask() -> None:
        with routing.taking(ENDPOINTS, tried=[], affinity=affinity) as endpoint:
            assert endpoint is not None
            have_chosen.wait(30)
            chosen[endpoint.base_url] += 1

    threads = [threading.Thread(target=ask) for _ in range(TOGETHER)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    return chosen


def count_open() -> list[int]:
    return [load.open for load in loads.list_loads([FIRST, SECOND]).values()]


def test_calls_that_come_together_in_a_new_process_are_shared_out(running: dict[str, float]) -> None:
    assert choose_together("") == {FIRST: 10, SECOND: 10}
    assert count_open() == [0, 0]


def test_calls_that_come_together_fill_the_less_loaded_first(running: dict[str, float]) -> None:
    running[FIRST] = 6.0
    assert choose_together("") == {FIRST: 7, SECOND: 13}


def test_conversation_that_comes_together_keeps_its_engine_while_loads_are_near(running: dict[str, float]) -> None:
    chosen = choose_together("a conversation")
    assert abs(chosen[FIRST] - chosen[SECOND]) in {2, 4}


def test_ties_fall_to_either(running: dict[str, float]) -> None:
    found: Counter[str] = Counter()
    for _ in range(60):
        with routing.taking(ENDPOINTS, tried=[], affinity="") as endpoint:
            assert endpoint is not None
            found[endpoint.base_url] += 1
    assert min(found[FIRST], found[SECOND]) > 10


def test_call_is_given_back_after_an_error(running: dict[str, float]) -> None:
    def fail() -> None:
        with routing.taking(ENDPOINTS, tried=[], affinity=""):
            assert sum(count_open()) == 1
            raise EngineUnavailable("it broke off")

    with pytest.raises(EngineUnavailable):
        fail()
    assert count_open() == [0, 0]


def test_nobody_is_counted_where_nobody_takes_the_call(running: dict[str, float]) -> None:
    with routing.taking(ENDPOINTS, tried=ENDPOINTS, affinity="") as endpoint:
        assert endpoint is None
        assert count_open() == [0, 0]


def test_looking_at_who_would_take_a_call_counts_nothing(running: dict[str, float]) -> None:
    assert routing.pick(ENDPOINTS, tried=[], affinity="") is not None
    assert count_open() == [0, 0]
