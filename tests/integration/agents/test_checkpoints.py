"""The checkpoint saver against LangGraph's own conformance suite, every capability asserted by name."""

import pickle
from collections.abc import AsyncIterator
from operator import add
from typing import Annotated, Any, TypedDict, cast
from uuid import uuid4

import pytest
from django.db import connection
from langchain_core.runnables import RunnableConfig
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES
from langgraph.checkpoint.serde.types import ERROR
from langgraph.graph import END, START, StateGraph

from webapp.agents.checkpoints.models import Checkpoint, CheckpointBlob, CheckpointWrite
from webapp.agents.checkpoints.saver import DjangoSaver
from webapp.agents.runs.kind import KIND
from webapp.durable import api as durable
from webapp.durable.errors import LeaseLost

pytestmark = pytest.mark.django_db(transaction=True)
TESTS_IN_SUITE = 81


@checkpointer_test(name="DjangoSaver")
async def django_saver() -> AsyncIterator[DjangoSaver]:
    yield DjangoSaver()


async def test_saver_passes_every_capability_of_the_conformance_suite() -> None:
    report: Any = await validate(django_saver)

    failures = {name: result.failures for name, result in report.results.items() if result.failures}
    assert failures == {}
    # A capability that is not detected is silently skipped by the suite, so each is asserted.
    assert {capability.value for capability in ALL_CAPABILITIES} == {
        name for name, result in report.results.items() if result.detected and result.passed
    }
    assert sum(result.tests_passed for result in report.results.values()) == TESTS_IN_SUITE
    assert sum(result.tests_skipped for result in report.results.values()) == 0


def config_of(thread_id: str, **more: str) -> RunnableConfig:
    return cast(RunnableConfig, {"configurable": {"thread_id": thread_id, "checkpoint_ns": "", **more}})


def put_one(saver: DjangoSaver, thread_id: str) -> RunnableConfig:
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"words": ["pump"]}
    checkpoint["channel_versions"] = {"words": 1}
    return saver.put(config_of(thread_id), checkpoint, {"source": "input", "step": -1}, {"words": 1})


def pending(saver: DjangoSaver, config: RunnableConfig) -> list[tuple[str, str, Any]]:
    found = saver.get_tuple(config)
    assert found is not None
    return found.pending_writes or []


def test_pending_writes_come_in_the_order_of_path_task_and_position() -> None:
    saver = DjangoSaver()
    config = put_one(saver, str(uuid4()))
    saver.put_writes(config, [("a", 1), ("b", 2)], "task-2", "path-1")
    saver.put_writes(config, [("a", 3)], "task-1", "path-2")
    saver.put_writes(config, [("a", 4)], "task-9", "")

    assert pending(saver, config) == [("task-9", "a", 4), ("task-2", "a", 1), ("task-2", "b", 2), ("task-1", "a", 3)]


def test_special_writes_are_replaced_and_ordinary_ones_stay() -> None:
    saver = DjangoSaver()
    config = put_one(saver, str(uuid4()))
    for value in ("first", "second"):
        saver.put_writes(config, [("a", value)], "task-1")
        saver.put_writes(config, [(ERROR, value)], "task-1")

    assert pending(saver, config) == [("task-1", ERROR, "second"), ("task-1", "a", "first")]


def test_saver_neither_writes_nor_reads_pickle() -> None:
    saver = DjangoSaver()
    config = put_one(saver, str(uuid4()))
    kinds = {row.value_type for row in CheckpointBlob.objects.all()} | {
        row.payload_type for row in Checkpoint.objects.all()
    }
    CheckpointBlob.objects.update(value_type="pickle", value=pickle.dumps(["pump"]))

    assert kinds == {"msgpack"}
    with pytest.raises(NotImplementedError):
        saver.get_tuple(config)


def test_saver_refuses_to_write_under_a_lease_that_has_passed_on() -> None:
    subject = uuid4()
    durable.enqueue(kind=KIND, subject_id=subject)
    grant = durable.acquire(kind=KIND, subject_id=subject)
    assert grant is not None
    saver = DjangoSaver(grant=grant)
    config = put_one(saver, str(subject))
    durable.finish(grant)

    with pytest.raises(LeaseLost):
        put_one(saver, str(subject))
    with pytest.raises(LeaseLost):
        saver.put_writes(config, [("a", 1)], "task-1")
    assert Checkpoint.objects.filter(thread_id=str(subject)).count() == 1
    assert not CheckpointWrite.objects.filter(thread_id=str(subject)).exists()


def joined(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(word for write in writes for word in write)]


class Delta(TypedDict):
    words: Annotated[list[str], DeltaChannel(joined, snapshot_frequency=4)]
    steps: Annotated[int, add]


@pytest.mark.filterwarnings("ignore::langgraph.warnings.LangGraphDeprecatedSinceV10")
@pytest.mark.parametrize("turns", range(2, 8))
def test_pruning_keeps_what_delta_channels_are_rebuilt_from(turns: int) -> None:
    saver = DjangoSaver()
    graph = StateGraph(Delta)
    graph.add_node("speak", lambda state: {"words": [f"word {len(state['words'])}"], "steps": 1})
    graph.add_edge(START, "speak")
    graph.add_edge("speak", END)
    compiled = graph.compile(checkpointer=saver)
    thread_id = str(uuid4())
    for turn in range(turns):
        compiled.invoke({"words": [f"asked {turn}"], "steps": 0}, config_of(thread_id), durability="sync")
    before = compiled.get_state(config_of(thread_id)).values
    rows = Checkpoint.objects.filter(thread_id=thread_id).count()

    saver.prune([thread_id])

    assert len(before["words"]) == 2 * turns
    assert compiled.get_state(config_of(thread_id)).values == before
    assert Checkpoint.objects.filter(thread_id=thread_id).count() < rows
    assert compiled.invoke({"words": ["more"], "steps": 0}, config_of(thread_id))["words"][:-2] == before["words"]


def test_copied_thread_has_the_same_state_and_a_life_of_its_own() -> None:
    saver = DjangoSaver()
    source, target = str(uuid4()), str(uuid4())
    put_one(saver, source)

    saver.copy_thread(source, target)
    saver.delete_thread(source)

    found = saver.get_tuple(config_of(target))
    assert found is not None
    assert found.checkpoint["channel_values"] == {"words": ["pump"]}
    assert saver.get_tuple(config_of(source)) is None


def test_saver_holds_no_connection_after_a_call() -> None:
    saver = DjangoSaver()
    config = put_one(saver, str(uuid4()))

    saver.get_tuple(config)

    assert connection.connection is None
