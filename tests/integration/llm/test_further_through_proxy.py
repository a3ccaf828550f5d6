"""What the settings declare, registered as every layout registers it, and asked through the real proxy: a further model
answers in its own place, is loaded for itself, and one reading of the host counts for all."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command

from appliance.programs import Served, build_registrations
from appliance.settings import Settings
from tests.engines.launch import free_port as choose_port
from tests.engines.launch import running_engine_proxy, running_scripted_engine, running_scripted_process
from webapp.hardware import api as hardware
from webapp.llm import api
from webapp.llm.services import loads, routing
from webapp.llm.types import Message
from webapp.usage.types import Attribution

NAME = "scripted-test-engine"
NOBODY = Attribution(user_id=None, purpose="test")
FURTHER = {"coder": {"path": "/m/coder", "port": 8411, "name": "coder"}}


@dataclass
class Host:
    """A proxy before a main engine that can be killed and a further one."""

    url: str
    killing: ExitStack


@pytest.fixture
def host(db: None, tmp_path: Path) -> Iterator[Host]:
    with ExitStack() as stack, ExitStack() as killing:
        main = killing.enter_context(running_scripted_process(tmp_path, port=choose_port())).url
        coder = stack.enter_context(running_scripted_engine(tmp_path))
        options = ("--further", f"coder=generation={coder}")
        proxy = stack.enter_context(running_engine_proxy(tmp_path, engine_url=main, options=options))
        routing.forget()
        yield Host(proxy.url, killing)
        routing.forget()


def register(host: Host, **answers: str) -> None:
    settings = Settings.model_validate({"further_models": FURTHER, "answers": answers})
    served = {"model": Served(NAME), "coder": Served(NAME)}
    for call in build_registrations(settings, host.url, served):
        call_command(*call)


def ask() -> tuple[str, bool]:
    """Who answered, and whether as the fallback."""
    question = [Message("user", "What is in the handbook?")]
    *_, last = api.generate(messages=question, attribution=NOBODY, max_tokens=20, should_stop=lambda: False)
    assert last.final is not None
    return last.final.model, last.final.is_fallback


def test_chosen_further_model_answers_below_its_own_address(host: Host) -> None:
    register(host, model="coder")
    model = api.find_model()
    assert model is not None
    assert model.base_url == f"{host.url}/engines/coder"
    host.killing.close()  # the main one is not needed for it
    assert ask() == (NAME, False)


def test_load_of_a_further_model_is_its_own(host: Host) -> None:
    addresses = {host.url, f"{host.url}/engines/coder"}
    host.killing.close()
    loads.read_loads(addresses)
    found = loads.read_loads(addresses)
    assert found[f"{host.url}/engines/coder"].engine_answers
    assert not found[host.url].engine_answers
    assert found[f"{host.url}/engines/coder"].requests == 0


@pytest.mark.django_db(transaction=True)
def test_one_reading_of_the_host_has_both_engines(host: Host) -> None:
    register(host)
    assert hardware.collect() == 1
    (known,) = hardware.list_hosts()
    assert known.base_url == host.url
    assert [engine.name for engine in hardware.list_engines()] == ["model", "coder"]
