"""The cable between the application and the models is pulled in the middle of an answer."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.cable import Cable, second_machine
from tests.e2e.stack import Stack
from tests.e2e.staff import Handbook, ask
from tests.engines.launch import free_port, running_scripted_engine

QUESTION = "How often are the sand filters backwashed?"
# Silence is noticed after 15 s, and the run is taken up again some seconds after the cable is back.
NOTICED_MILLISECONDS = 40_000
FINISHED_MILLISECONDS = 90_000


@pytest.fixture
def cable(stack: Stack, _scripted_engine_process: str, tmp_path: Path) -> Iterator[Cable]:
    """The generating model is on another machine for this test."""
    if os.geteuid() != 0 and "CI" not in os.environ:
        pytest.skip("only root can make a network namespace for the second machine")

    def use(url: str) -> None:
        stack.manage("endpoint", "set", "--role", "generate", "--url", url, "--model", "scripted-test-engine")

    with ExitStack() as started:
        made = started.enter_context(second_machine())
        engine = running_scripted_engine(tmp_path, port=free_port(), host=made.address, prefix=made.inside)
        use(started.enter_context(engine))
        yield made
        use(_scripted_engine_process)


def test_run_waits_for_its_engine_and_is_finished_by_a_new_attempt(ada: Page, handbook: Handbook, cable: Cable) -> None:
    ada.goto("/")
    article = ask(ada, f"{QUESTION} <<slow>>")
    expect(article.locator("[data-draft]")).not_to_be_empty()
    cable.pull()
    waiting = article.get_by_text("Waiting for the model's engine.")
    expect(waiting).to_be_visible(timeout=NOTICED_MILLISECONDS)
    cable.plug_in()
    notice = article.get_by_text("The answer is being written again (attempt 2): the engine stopped.")
    expect(notice).to_be_visible(timeout=FINISHED_MILLISECONDS)
    expect(article.locator("footer.run-foot")).to_be_visible(timeout=FINISHED_MILLISECONDS)
    expect(article.locator("button.cite").first).to_be_visible()
