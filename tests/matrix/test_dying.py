"""What happens to requests when a real engine dies, is wedged or is stopped.

Two replicas of vLLM, each with its keeper under the appliance's own supervisord, behind their proxies, asked through
``webapp.llm`` with real PostgreSQL and Redis.
"""

import itertools
import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from django.db import connections

from appliance.local.directories import ensure_directories
from appliance.local.identity import Identity
from appliance.local.supervisor import Supervisor
from appliance.local.supervisor_config import build_supervisor_config
from appliance.programs import Program
from appliance.settings import Settings
from inference.metrics.parse import parse_engine_metrics
from inference.metrics.types import EngineEvent, EngineReading
from inference.serving.command import engine_command, keeper_command
from inference.serving.events import read_events
from inference.serving.keeper.exit_codes import EXIT_REFUSED
from inference.serving.keeper.outlook import Limits, stop_seconds
from inference.serving.readiness import check_engine
from tests.engines.launch import (
    ENGINE_KV_CACHE_GIB,
    INFERENCE_PYTHON,
    ROOT,
    build_spec,
    free_port,
    running_engine_proxy,
)
from webapp.llm import api
from webapp.llm.choosing import Candidate, choose
from webapp.llm.errors import EngineTimeout, EngineUnavailable, LlmError
from webapp.llm.models import ModelEndpoint
from webapp.llm.services import endpoints, loads, routing
from webapp.llm.types import Message
from webapp.usage.models import Call
from webapp.usage.types import Attribution

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
READY_SECONDS = 400
WEDGED_SECONDS = 25
DRAIN_SECONDS = 200  # for six thousand tokens, on a slow machine too
STREAMS = (6000, 4500, 3000)  # tokens of each answer: they do not end together
PARALLEL = 9  # each holds a connection to the database, of which a process has sixteen
ANSWER_TOKENS = 4000  # seconds of writing
METRICS = httpx.Client(timeout=20, trust_env=False)
NOBODY = Attribution(user_id=None, purpose="test")


@dataclass
class Replica:
    """One vLLM, its keeper and its proxy. ``url`` is vLLM's own, ``address`` the proxy's."""

    name: str
    url: str
    events_file: Path
    address: str = ""

    @property
    def events(self) -> list[EngineEvent]:
        return read_events(self.events_file)

    def count(self, kind: str) -> int:
        return sum(event.kind == kind for event in self.events)


@dataclass
class Pair:
    supervisor: Supervisor
    model: str
    replicas: list[Replica] = field(default_factory=list)

    def list_processes(self, replica: Replica) -> dict[int, str]:
        """The keeper, and what it started: what each is called, by number."""
        return list_family(self.supervisor.list_states()[replica.name].pid)

    def find(self, replica: Replica, name: str) -> int:
        (pid,) = (pid for pid, called in self.list_processes(replica).items() if name in called)
        return pid


def list_family(pid: int) -> dict[int, str]:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return {}
    found = {pid: words[2] if words[1:2] == ["-m"] else words[0]}
    for child in map(int, children):
        found |= list_family(child)
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


@pytest.fixture(scope="module")
def pair(tiny_checkpoints: dict[str, Path]) -> Iterator[Pair]:
    """Both start at once, and the module's tests take turns in hurting them."""
    folder = Path(tempfile.mkdtemp(prefix="appl-"))
    settings = Settings(data_dir=folder / "var")
    identity = Identity(os.getuid(), os.getgid(), ())
    ensure_directories(settings, identity)
    spec = replace(build_spec(copy_without_end(tiny_checkpoints["llama"], folder / "tiny")), enforce_eager=True)
    limits = Limits(READY_SECONDS, WEDGED_SECONDS, DRAIN_SECONDS)
    both, programs = Pair(Supervisor(settings, identity), spec.served_name), []
    for name in ("engine", "engine-second"):
        port = free_port()
        command = engine_command(
            spec, python=INFERENCE_PYTHON, port=port, data_dir=settings.data_dir, root=ROOT,
            kv_cache_gib=ENGINE_KV_CACHE_GIB, memory_fraction=0.3,
        )  # fmt: skip
        kept = keeper_command(command, engine=name, port=port, events=settings.events_dir, limits=limits)
        programs.append(
            Program(
                name, kept.argv, kept.env, stop_seconds=stop_seconds(DRAIN_SECONDS),
                stops_group=False, final_code=EXIT_REFUSED,
            )
        )  # fmt: skip
        both.replicas.append(Replica(name, f"http://127.0.0.1:{port}", settings.events_dir / f"{name}.jsonl"))
    both.supervisor.write_configuration(build_supervisor_config(settings, programs))
    both.supervisor.start()
    try:
        for program in programs:
            both.supervisor.start_program(program.name)
        with ExitStack() as started:
            for replica in both.replicas:
                replica.address = started.enter_context(running_engine_proxy(folder, engine_url=replica.url)).url
            wait_until(lambda: all(each.count("engine_ready") == 1 for each in both.replicas), READY_SECONDS)
            yield both
    finally:
        both.supervisor.shut_down()
        METRICS.close()
        print_logs(settings.log_dir)
        shutil.rmtree(folder, ignore_errors=True)


def copy_without_end(checkpoint: Path, target: Path) -> Path:
    """The same model without a token that ends an answer: each is as long as was asked for."""
    shutil.copytree(checkpoint, target)
    for name, key in (
        ("config", "eos_token_id"),
        ("generation_config", "eos_token_id"),
        ("tokenizer_config", "eos_token"),
    ):
        file = target / f"{name}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {key: None}))
    return target


def print_logs(folder: Path) -> None:
    """For a failing test's report."""
    for log in sorted(folder.glob("engine*.log")):
        print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")  # noqa: T201


@pytest.fixture
def two(db: None, pair: Pair) -> Pair:
    wait_until(lambda: all(each.events[-1].kind == "engine_ready" for each in pair.replicas), READY_SECONDS)
    routing.forget()
    ModelEndpoint.objects.all().delete()
    first, second = pair.replicas
    endpoints.set_model(role="generate", url=first.address, model_name=pair.model, name="Tiny", detail={})
    endpoints.add_endpoint(role="generate", url=second.address, model_name=pair.model)
    # What is not known counts as full, and requests go elsewhere.
    addresses = {each.address for each in pair.replicas}
    wait_until(lambda: all(load.requests is not None for load in loads.read_loads(addresses).values()))
    return pair


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


class Asked:
    """One of many requests, in a thread of its own, which has its connection to the database before it may ask: while
    engines keep every core busy none is made in time."""

    def __init__(self, number: int, pair: Pair) -> None:
        self.number, self.pieces = number, 0
        self.has_final = False
        self.error: LlmError | None = None
        places, address = [Candidate(each.address) for each in pair.replicas], pair.replicas[number % 2].address
        self.affinity = next(
            key for key in (f"{number}-{again}" for again in itertools.count())
            if choose(places, affinity=key, is_conversation=True) == address
        )  # fmt: skip
        self.is_connected, self._may_ask = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()

    def begin(self) -> None:
        self._may_ask.set()

    def _ask(self) -> None:
        question = [Message("user", f"How much water does reservoir {self.number} hold?")]
        try:
            connections["default"].ensure_connection()
            self.is_connected.set()
            self._may_ask.wait(READY_SECONDS)
            for delta in api.generate(
                messages=question, attribution=NOBODY, max_tokens=ANSWER_TOKENS, temperature=1.0,
                affinity=self.affinity, should_stop=lambda: False,
            ):  # fmt: skip
                self.pieces += bool(delta.text)
                self.has_final = delta.final is not None
        except LlmError as error:
            self.error = error
        finally:
            connections.close_all()


def ask(pair: Pair, count: int) -> list[Asked]:
    """Requests that fall to the replicas by turns. None has begun."""
    asked = [Asked(number, pair) for number in range(count)]
    wait_until(lambda: all(each.is_connected.is_set() for each in asked))
    return asked


def wait_until_in_flight(at: Replica, written_before: float) -> None:
    """An answer is being written there, by the engine's own metrics: the readers of so many are seconds behind, and
    what they still read may have been written to its end long ago."""
    enough = written_before + 20  # some of which make up a character

    def is_writing() -> bool:
        time.sleep(0.1)  # for the threads that ask
        seen = read_metrics(at)
        return (seen.running or 0) >= 1 and (seen.generation_tokens_total or 0) >= enough

    wait_until(is_writing)


def count_written(at: Replica) -> float:
    written = read_metrics(at).generation_tokens_total
    assert written is not None
    return written


def read_metrics(replica: Replica) -> EngineReading:
    return parse_engine_metrics(METRICS.get(f"{replica.url}/metrics").text)


def test_kill_of_one_of_two_fails_no_request_that_had_not_begun_and_it_comes_back(two: Pair) -> None:
    doomed = two.replicas[0]
    ready, written = doomed.count("engine_ready"), count_written(doomed)
    asked = ask(two, PARALLEL)
    group = os.getpgid(two.find(doomed, "vllm.entrypoints"))
    # Of a third some have begun when the engine dies, a third wait for their first token, a third come later.
    for number, each in enumerate(asked):
        each.begin()
        if number == PARALLEL // 3:
            wait_until_in_flight(doomed, written)
        if number == 2 * PARALLEL // 3:
            killed_at = time.monotonic()
            os.killpg(group, signal.SIGKILL)
    for each in asked:
        each.thread.join(240)

    broken = assert_only_those_in_flight_broke(asked)
    wait_until(lambda: doomed.count("engine_ready") == ready + 1, READY_SECONDS)
    print(f"{broken} of {PARALLEL} broke off; ready after {time.monotonic() - killed_at:.0f} s")  # noqa: T201
    assert check_engine(doomed.url).ready
    ended = next(event for event in reversed(doomed.events) if event.kind == "engine_ended")
    assert (ended.reason, ended.signal, ended.restarts["crashed"]) == ("crashed", "SIGKILL", 1)


def test_wedged_engine_is_ended_and_started_again_while_the_other_answers(two: Pair) -> None:
    wedged = two.replicas[0]
    ready, written = wedged.count("engine_ready"), count_written(wedged)
    asked = ask(two, 4)
    core = two.find(wedged, "VLLM::EngineCore")
    for each in asked:
        each.begin()
    wait_until_in_flight(wedged, written)
    stopped_at = time.monotonic()
    os.kill(core, signal.SIGSTOP)
    assert httpx.get(f"{wedged.url}/health", timeout=10, trust_env=False).status_code == 200, "it looks well"

    wait_until(lambda: wedged.count("engine_wedged") == 1, WEDGED_SECONDS + 60)
    noticed = time.monotonic() - stopped_at
    wait_until(lambda: not is_alive(core))
    for each in asked:
        each.thread.join(240)
    broken = [each for each in asked if each.error is not None]
    assert broken, "the wedge met nobody: the test shows nothing"
    assert {type(each.error) for each in broken} <= {EngineUnavailable, EngineTimeout}
    assert sum(each.has_final for each in asked) == len(asked) - len(broken)
    wait_until(lambda: wedged.count("engine_ready") == ready + 1, READY_SECONDS)
    print(f"noticed after {noticed:.0f} s, ready after {time.monotonic() - stopped_at:.0f} s")  # noqa: T201
    assert check_engine(wedged.url).ready
    ended = next(event for event in reversed(wedged.events) if event.kind == "engine_ended")
    assert (ended.reason, ended.restarts["wedged"]) == ("wedged", 1)


def test_kill_of_the_core_alone_is_an_error_for_those_in_flight_and_nobody_else(two: Pair) -> None:
    """What the kernel does when memory runs out: vLLM's server lives on for a moment, and ends by itself."""
    doomed = two.replicas[1]
    ready, written = doomed.count("engine_ready"), count_written(doomed)
    asked = ask(two, 8)
    core = two.find(doomed, "VLLM::EngineCore")
    for number, each in enumerate(asked):
        each.begin()
        if number == 3:
            wait_until_in_flight(doomed, written)
            os.kill(core, signal.SIGKILL)
    for each in asked:
        each.thread.join(240)
    assert_only_those_in_flight_broke(asked)
    wait_until(lambda: doomed.count("engine_ready") == ready + 1, READY_SECONDS)
    ended = next(event for event in reversed(doomed.events) if event.kind == "engine_ended")
    assert (ended.reason, ended.signal) == ("crashed", ""), ended


def assert_only_those_in_flight_broke(asked: list[Asked]) -> int:
    """How many that were."""
    broken = [each for each in asked if each.error is not None]
    assert [(each.number, each.error) for each in broken if each.pieces == 0] == []
    assert broken, "the kill met nobody: the test shows nothing"
    assert {type(each.error) for each in broken} == {EngineUnavailable}
    assert sum(each.has_final for each in asked) == len(asked) - len(broken)
    assert Call.objects.filter(status="ok").count() == len(asked) - len(broken)
    assert not Call.objects.filter(status="started").exists()
    return len(broken)


def test_nothing_outlives_a_keeper_that_is_killed_and_it_is_started_again(two: Pair) -> None:
    lost = two.replicas[1]
    before, started = two.list_processes(lost), lost.count("engine_started")
    assert "VLLM::EngineCore" in before.values()
    os.kill(two.supervisor.list_states()[lost.name].pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, before)), 20)
    wait_until(lambda: lost.count("engine_started") == started + 1)
    last_end = next(event for event in reversed(lost.events) if event.kind == "engine_ended")
    assert last_end.reason == "lost"


def test_stopping_an_engine_lets_its_answer_end_and_refuses_new_ones(two: Pair) -> None:
    stopped = two.replicas[0]
    before = two.list_processes(stopped)
    answers, enough = list[list[str]](), threading.Event()
    streams = [
        threading.Thread(target=keep_reading, args=(stopped.url, two.model, tokens, answers, enough))
        for tokens in STREAMS
    ]
    for stream in streams:
        stream.start()
    wait_until(lambda: any(len(lines) > 20 for lines in answers))
    stopping = threading.Thread(target=two.supervisor.stop_program, args=(stopped.name,))
    stopping.start()
    wait_until(lambda: "draining in-flight requests" in log_of(two, stopped))
    enough.set()
    body = {"model": two.model, "prompt": "Water", "max_tokens": 3}
    refused = httpx.post(f"{stopped.url}/v1/completions", json=body, timeout=60, trust_env=False)
    for thread in (*streams, stopping):
        thread.join(DRAIN_SECONDS + 60)

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
    assert answers
    for lines in answers:
        assert lines[-1] == "data: [DONE]"
        assert '"finish_reason":"length"' in lines[-3].replace(" ", "") + lines[-2].replace(" ", "")
    assert (stopped.events[-1].kind, stopped.events[-1].detail) == ("engine_drained", "")
    assert "VLLM::EngineCore" in before.values()
    assert not [name for pid, name in before.items() if is_alive(pid)]


def log_of(pair: Pair, replica: Replica) -> str:
    return (pair.supervisor.settings.log_dir / f"{replica.name}.log").read_text(errors="replace")


def keep_reading(url: str, model: str, tokens: int, answers: list[list[str]], enough: threading.Event) -> None:
    """One answer after another, until one is refused or there are ``enough``: however quickly each is written, some are
    always under way."""
    body = {"model": model, "prompt": "Water", "max_tokens": tokens, "ignore_eos": True, "stream": True}
    with httpx.Client(base_url=url, timeout=DRAIN_SECONDS, trust_env=False) as client:
        while not enough.is_set():
            with client.stream("POST", "/v1/completions", json=body, headers={"Connection": "close"}) as response:
                if response.status_code == 503:
                    return
                lines: list[str] = []
                answers.append(lines)
                for line in response.iter_lines():
                    lines += [line] if line else []
