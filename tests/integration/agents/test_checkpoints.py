"""The checkpoint saver against LangGraph's own conformance suite, every capability asserted by name."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES

from webapp.agents.checkpoints.saver import DjangoSaver

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
