"""An answer that the engine gave up is no answer, however well it was sent."""

from typing import Any

import pytest

from webapp.llm.errors import EngineUnavailable
from webapp.llm.services.generation import _absorb, _Progress


def end(reason: str) -> dict[str, Any]:
    return {"choices": [{"delta": {}, "finish_reason": reason}]}


def test_answer_that_was_given_up_is_an_error() -> None:
    with pytest.raises(EngineUnavailable, match="gave the answer up"):
        _absorb(_Progress(), end("abort"))


@pytest.mark.parametrize(("reason", "known"), [("stop", "stop"), ("length", "length"), ("tool_calls", "other")])
def test_answer_that_ended_is_whole(reason: str, known: str) -> None:
    progress = _Progress(text="All of it.")
    _absorb(progress, end(reason))
    assert (progress.finish_reason, progress.text) == (known, "All of it.")
