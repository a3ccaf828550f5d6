"""Two engines behind one model name, and a fallback: real scripted engines, real proxies, real kills."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connections
from pytest_django.fixtures import Settings

from appliance.settings.model import Timeouts
from tests.engines.launch import (
    ScriptedProcess,
    free_port,
    running_engine_proxy,
    running_scripted_engine,
    running_scripted_process,
)
from webapp.llm import api, circuit
from webapp.llm.errors import EngineBusy, EngineRefused, EngineTimeout, EngineUnavailable, LlmError
from webapp.llm.models import ModelEndpoint
from webapp.llm.services import endpoints, loads, routing
from webapp.llm.types import Delta, Message
from webapp.usage import api as usage
from webapp.usage.models import Call
from webapp.usage.types import Attribution

MODEL = "scripted-test-engine"
NOBODY = Attribution(user_id=None, purpose="test")
PARALLEL = 20
FAILS: dict[str, Any] = {"status": 500, "message": "The scripted engine was asked to fail."}
# vLLM 0.32's own words; tests/matrix/test_engine_options.py reads them from the real one.
FULL: dict[str, Any] = {
    "status": 503,
    "message": "The engine is currently busy and cannot accept new requests. Please try again later or on a different "
    "instance.",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Two engines that stay alive through the module."""
    folder = tmp_path_factory.mktemp("pair")
    with running_scripted_engine(folder) as first, running_scripted_engine(folder) as second:
        yield first, second


@pytest.fixture
def two(db: None, pair: tuple[str, str]) -> tuple[str, str]:
    """The two as endpoints of one model, their scripts as written."""
    for url in pair:
        httpx.delete(f"{url}/__script", trust_env=False).raise_for_status()
    name_endpoints(*pair)
    return pair


def name_endpoints(first: str, *others: str) -> None:
    """These and no others."""
    ModelEndpoint.objects.all().delete()
    endpoints.set_model(role="generate", url=first, model_name=MODEL, name="Scripted", detail={})
    for other in others:
        endpoints.add_endpoint(role="generate", url=other, model_name=MODEL)


def script(url: str, **rule: Any) -> None:
    httpx.post(f"{url}/__script", json={"rules": [rule]}, trust_env=False).raise_for_status()


def count_requests(url: str) -> int:
    return len(httpx.get(f"{url}/__state", trust_env=False).json()["requests"])


def generate(question: str = "When?", *, affinity: str = "") -> Iterator[Delta]:
    return api.generate(
        messages=[Message("system", "[1] Pumps: Pump seven is greased on Tuesdays."), Message("user", question)],
        attribution=NOBODY,
        max_tokens=500,
        affinity=affinity,
        should_stop=lambda: False,
    )


def conversation_at(address: str, endpoint_count: int = 2) -> str:
    """A conversation that falls to the endpoint while nothing else speaks against it."""
    known = endpoints.list_endpoints(role="generate")
    assert len(known) == endpoint_count
    for number in range(1000):
        chosen = routing.pick(known, tried=[], affinity=str(number))
        if chosen is not None and chosen.base_url == address:
            return str(number)
    raise AssertionError(f"no conversation falls to {address}")


def statuses() -> list[str]:
    return list(Call.objects.order_by("pk").values_list("status", flat=True))


@pytest.mark.django_db
def test_engine_that_fails_before_the_first_token_cannot_be_told_from_a_slow_one(two: tuple[str, str]) -> None:
    conversation = conversation_at(two[0])
    script(two[0], **FAILS)

    deltas = list(generate(affinity=conversation))

    final = deltas[-1].final
    assert final is not None
    assert final.text.endswith("[1].")
    assert "".join(delta.text for delta in deltas) == final.text
    assert (final.model, final.is_fallback) == ("Scripted", False)
    assert statuses() == ["failed", "ok"]
    assert [count_requests(url) for url in two] == [1, 1]


@pytest.mark.django_db
def test_engine_that_is_killed_before_the_first_token_cannot_be_told_from_a_slow_one(
    pair: tuple[str, str], tmp_path: Path
) -> None:
    httpx.delete(f"{pair[0]}/__script", trust_env=False).raise_for_status()
    with running_scripted_process(tmp_path, port=free_port()) as doomed:
        name_endpoints(doomed.url, pair[0])
        conversation = conversation_at(doomed.url)
        script(doomed.url, token_delay_seconds=30)
        threading.Thread(target=kill_when_asked, args=(doomed,)).start()

        final = list(generate(affinity=conversation))[-1].final

    assert final is not None
    assert final.text.endswith("[1].")
    assert statuses() == ["failed", "ok"]


def kill_when_asked(engine: ScriptedProcess) -> None:
    while not count_requests(engine.url):
        time.sleep(0.02)
    engine.process.kill()


@pytest.mark.django_db
def test_engine_that_dies_after_the_first_token_is_an_error_and_nobody_else_is_asked(two: tuple[str, str]) -> None:
    conversation = conversation_at(two[0])
    script(two[0], break_after_tokens=5)

    deltas: list[Delta] = []
    with pytest.raises(EngineUnavailable, match="broke off"):
        deltas.extend(generate(affinity=conversation))

    assert len(deltas) == 5
    assert statuses() == ["failed"]
    assert [count_requests(url) for url in two] == [1, 0]


@pytest.mark.django_db
def test_engine_that_says_nothing_is_given_up_for_another(two: tuple[str, str], settings: Settings) -> None:
    settings.MODEL_TIMEOUTS = Timeouts(first_token_seconds=0.5)
    conversation = conversation_at(two[0])
    script(two[0], token_delay_seconds=30)

    assert list(generate(affinity=conversation))[-1].final is not None
    assert statuses() == ["failed", "ok"]


@pytest.mark.django_db
def test_engine_that_pauses_in_the_middle_is_an_error(two: tuple[str, str], settings: Settings) -> None:
    settings.MODEL_TIMEOUTS = Timeouts(gap_seconds=0.3)
    script(two[0], token_delay_seconds=2)
    script(two[1], token_delay_seconds=2)

    with pytest.raises(EngineTimeout, match=r"for 0\.3 seconds"):
        list(generate())

    assert statuses() == ["failed"]


@pytest.mark.django_db
def test_request_that_an_engine_refuses_is_not_repeated_elsewhere(two: tuple[str, str]) -> None:
    with pytest.raises(EngineRefused, match="context"):
        list(generate("word " * 20_000))

    assert statuses() == ["failed"]


@pytest.mark.django_db
def test_busy_engine_is_avoided_by_its_own_metrics(two: tuple[str, str], tmp_path: Path) -> None:
    with ExitStack() as started:
        proxies = [started.enter_context(running_engine_proxy(tmp_path, engine_url=url)).url for url in two]
        name_endpoints(*proxies)
        for busy, idle in ((0, 1), (1, 0)):
            for number, waiting in ((busy, 9), (idle, 0)):
                load = {"running": waiting, "waiting": waiting}
                httpx.post(f"{two[number]}/__load", json=load, trust_env=False).raise_for_status()
            time.sleep(1.1)  # the proxy hands a reading out for a second
            routing.forget()
            before = [count_requests(url) for url in two]
            for conversation in range(6):
                list(generate(affinity=str(conversation)))

            after = [count_requests(url) for url in two]
            assert (after[busy] - before[busy], after[idle] - before[idle]) == (0, 6)


@pytest.mark.django_db
def test_engine_that_is_stopped_or_still_loads_is_not_asked(two: tuple[str, str], tmp_path: Path) -> None:
    with ExitStack() as started:
        urls = (f"http://127.0.0.1:{free_port()}", two[1])
        proxies = [started.enter_context(running_engine_proxy(tmp_path, engine_url=url)).url for url in urls]
        name_endpoints(*proxies)

        for conversation in range(6):
            list(generate(affinity=str(conversation)))

    assert statuses() == ["ok"] * 6


@pytest.mark.django_db(transaction=True)
def test_calls_that_come_together_are_shared_out(two: tuple[str, str], tmp_path: Path) -> None:
    with ExitStack() as started:
        proxies = [started.enter_context(running_engine_proxy(tmp_path, engine_url=url)).url for url in two]
        name_endpoints(*proxies)
        conversation = conversation_at(proxies[0])
        for url in two:
            script(url, token_delay_seconds=0.1)
        asked = [Asked(number, conversation) for number in range(PARALLEL)]
        for each in asked:
            each.thread.start()
        for each in asked:
            each.thread.join(60)

    assert all(each.has_final for each in asked)
    assert min(count_requests(url) for url in two) >= PARALLEL // 2 - 4


@pytest.mark.django_db(transaction=True)
def test_calls_that_choose_before_any_is_sent_are_shared_out(
    two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = 10  # each holds a connection to the database while it waits for the others
    conversation, have_chosen = conversation_at(two[0]), threading.Barrier(together)
    open_call = usage.open_call

    def wait_and_open(**call: Any) -> Any:
        have_chosen.wait(30)
        return open_call(**call)

    monkeypatch.setattr(usage, "open_call", wait_and_open)
    asked = [Asked(number, conversation) for number in range(together)]
    for each in asked:
        each.thread.start()
    for each in asked:
        each.thread.join(60)

    assert all(each.has_final for each in asked)
    assert sorted(count_requests(url) for url in two) == [4, 6]
    assert count_open(two) == 0


def count_open(addresses: tuple[str, str]) -> int:
    return sum(load.open for load in loads.list_loads(addresses).values())


def read_on(deltas: Iterator[Delta]) -> None:
    with contextlib.suppress(EngineUnavailable):
        list(deltas)


def close(deltas: Iterator[Delta]) -> None:
    deltas.close()  # type: ignore[attr-defined]  # a generator


@pytest.mark.django_db
@pytest.mark.parametrize("rule", [{}, {"break_after_tokens": 5}], ids=["whole", "broken"])
@pytest.mark.parametrize("end", [read_on, close, None], ids=["read", "closed", "dropped"])
def test_call_is_given_back_however_it_ends(
    two: tuple[str, str], rule: dict[str, Any], end: Callable[[Iterator[Delta]], None] | None
) -> None:
    for url in two:
        script(url, **rule)
    deltas = generate()
    assert count_open(two) == 0, "it has not begun"
    next(deltas)
    assert count_open(two) == 1
    if end is not None:
        end(deltas)
        assert count_open(two) == 0
    del deltas
    assert count_open(two) == 0


@pytest.mark.django_db
def test_call_is_given_back_before_its_last_word_is_passed_on(two: tuple[str, str]) -> None:
    for delta in generate():
        assert count_open(two) == (delta.final is None)


@pytest.mark.django_db
def test_call_that_fails_everywhere_is_given_back(two: tuple[str, str]) -> None:
    for url in two:
        script(url, **FAILS)
    with pytest.raises(EngineUnavailable):
        list(generate())
    assert count_open(two) == 0


@pytest.mark.django_db
def test_call_that_was_made_again_is_counted_once_and_given_back_when_dropped(two: tuple[str, str]) -> None:
    conversation = conversation_at(two[0])
    script(two[0], **FAILS)
    deltas = generate(affinity=conversation)
    next(deltas)
    assert [load.open for load in loads.list_loads(two).values()] == [0, 1]
    del deltas
    assert count_open(two) == 0


@pytest.mark.django_db
def test_call_that_cannot_be_accounted_for_is_given_back(two: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "open_call", None)
    with pytest.raises(TypeError):
        list(generate())
    assert count_open(two) == 0


@pytest.mark.django_db
def test_call_that_was_never_started_counts_nothing(two: tuple[str, str]) -> None:
    deltas = generate()
    close(deltas)
    assert count_open(two) == 0


@pytest.mark.django_db
def test_call_that_its_caller_abandons_says_nothing_about_the_engine(two: tuple[str, str]) -> None:
    conversation = conversation_at(two[0])
    script(two[0], token_delay_seconds=0.2)
    for _ in range(circuit.OPEN_AFTER + 1):
        deltas = generate(affinity=conversation)
        next(deltas)
        deltas.close()  # type: ignore[attr-defined]  # a generator

    assert routing.state_of(endpoints.list_endpoints(role="generate")[0]) == "closed"
    assert [count_requests(url) for url in two] == [circuit.OPEN_AFTER + 1, 0]


@pytest.mark.django_db
def test_conversation_stays_at_its_engine_while_loads_are_near(two: tuple[str, str]) -> None:
    conversation = conversation_at(two[1])

    for _ in range(5):
        list(generate(affinity=conversation))

    assert [count_requests(url) for url in two] == [0, 5]


@pytest.mark.django_db
def test_circuit_opens_after_failures_and_closes_after_a_probe(
    two: tuple[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="webapp.llm.services.routing")
    conversation = conversation_at(two[0])
    script(two[0], **FAILS)
    for _ in range(circuit.OPEN_AFTER + 5):
        assert list(generate(affinity=conversation))[-1].final is not None
    assert count_requests(two[0]) == circuit.OPEN_AFTER
    assert len([record for record in caplog.records if "is left out" in record.message]) == 1

    monkeypatch.setattr(circuit, "OPEN_SECONDS", 0.0)  # the next failure opens it for no time
    expire_circuits()
    list(generate(affinity=conversation))
    assert count_requests(two[0]) == circuit.OPEN_AFTER + 1, "the probe goes there and fails"
    httpx.delete(f"{two[0]}/__script", trust_env=False)
    list(generate(affinity=conversation))
    assert count_requests(two[0]) == 1, "the next probe succeeds"

    assert routing.state_of(endpoints.list_endpoints(role="generate")[0]) == "closed"
    assert len([record for record in caplog.records if "is left out" in record.message]) == 1
    assert len([record for record in caplog.records if "answers again" in record.message]) == 1


def expire_circuits() -> None:
    for key, value in list(routing._circuits.items()):
        if value.open_until is not None:
            routing._circuits[key] = circuit.Circuit(value.failures, time.monotonic())


@pytest.mark.django_db
def test_only_endpoint_is_asked_however_often_it_failed(two: tuple[str, str]) -> None:
    endpoints.remove_endpoint(role="generate", url=two[1])
    script(two[0], **FAILS)

    for _ in range(circuit.OPEN_AFTER + 2):
        with pytest.raises(EngineUnavailable, match="asked to fail"):
            list(generate())

    assert count_requests(two[0]) == circuit.OPEN_AFTER + 2


@pytest.mark.django_db
def test_full_engine_is_passed_over_and_never_taken_for_a_broken_one(two: tuple[str, str]) -> None:
    conversation = conversation_at(two[0])
    script(two[0], **FULL)
    for _ in range(circuit.OPEN_AFTER + 1):
        list(generate(affinity=conversation))
    assert count_requests(two[0]) == circuit.OPEN_AFTER + 1
    known = endpoints.list_endpoints(role="generate")
    assert {routing.state_of(each) for each in known} == {"closed"}

    script(two[1], **FULL)
    with pytest.raises(EngineBusy, match="too much to do"):
        list(generate())


@pytest.mark.django_db
def test_fallback_answers_when_the_model_cannot_and_says_so(two: tuple[str, str]) -> None:
    model, reserve = two
    endpoints.remove_endpoint(role="generate", url=reserve)
    endpoints.set_model(role="generate", url=f"http://127.0.0.1:{free_port()}", model_name="big", name="Big", detail={})
    endpoints.set_fallback(url=reserve, model_name=MODEL, name="Small", detail={})

    deltas = list(generate())

    final = deltas[-1].final
    assert final is not None
    assert (final.model, final.is_fallback) == ("Small", True)
    assert {(delta.model, delta.is_fallback) for delta in deltas} == {("Small", True)}
    assert Call.objects.order_by("pk").last().model == MODEL  # type: ignore[union-attr]  # there is one

    endpoints.set_model(role="generate", url=model, model_name=MODEL, name="Scripted", detail={})
    final = list(generate())[-1].final
    assert final is not None
    assert (final.model, final.is_fallback) == ("Scripted", False)


@pytest.mark.django_db
def test_fallback_is_asked_after_two_tries_of_the_model(two: tuple[str, str], tmp_path: Path) -> None:
    with running_scripted_engine(tmp_path) as third:
        for url in two:
            script(url, **FAILS)
        endpoints.set_fallback(url=third, model_name="unknown-there", name="Small", detail={})

        with pytest.raises(EngineRefused, match="404"):
            list(generate())

    assert statuses() == ["failed", "failed", "failed"]
    assert [count_requests(url) for url in two] == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_kill_of_one_of_two_fails_no_request_that_had_not_begun(tmp_path: Path) -> None:
    with ExitStack() as started:
        survivor = started.enter_context(running_scripted_process(tmp_path, port=free_port()))
        doomed = started.enter_context(running_scripted_process(tmp_path, port=free_port()))
        name_endpoints(survivor.url, doomed.url)
        for engine in (survivor, doomed):
            script(engine.url, token_delay_seconds=0.3)
        # A third have begun when the engine dies, a third wait for their first token, a third come later.
        asked = [Asked(number) for number in range(PARALLEL)]
        for number, each in enumerate(asked):
            each.thread.start()
            if number == PARALLEL // 3:
                wait_until(lambda: sum(each.pieces > 0 for each in asked) > PARALLEL // 3)
            if number == 2 * PARALLEL // 3:
                time.sleep(0.1)
                doomed.process.kill()
        for each in asked:
            each.thread.join(60)

    broken = [each for each in asked if each.error is not None]
    assert [each.number for each in broken if each.pieces == 0] == []
    assert broken, "the kill met nobody: the test shows nothing"
    assert {type(each.error) for each in broken} == {EngineUnavailable}
    assert sum(each.has_final for each in asked) == PARALLEL - len(broken)
    assert Call.objects.filter(status="ok").count() == PARALLEL - len(broken)
    assert Call.objects.filter(status="failed").count() > len(broken), "no call was made again: the test shows nothing"
    assert not Call.objects.filter(status="started").exists()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


class Asked:
    """One of many requests, in a thread of its own."""

    def __init__(self, number: int, affinity: str = "") -> None:
        self.number, self.affinity = number, affinity or str(number)
        self.pieces = 0
        self.has_final = False
        self.error: LlmError | None = None
        self.thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        try:
            for delta in generate(affinity=self.affinity):
                self.pieces += bool(delta.text)
                self.has_final = delta.final is not None
        except LlmError as error:
            self.error = error
        finally:
            connections.close_all()
