"""``python -m inference.comparing``: a request as JSON on standard input, events and the report as JSON lines.

Nothing that was started is left, whether it ends by itself, by a signal or with whoever started it.
"""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inference.comparing.contender import Contender, build_command, read_contender, require_distinct
from inference.comparing.errors import CompareError, TextError
from inference.comparing.measuring import Measured, choose_window, measure
from inference.comparing.questions import Question, read_questions
from inference.comparing.report import build_report
from inference.comparing.request import Request
from inference.comparing.scorers import require_schemas
from inference.comparing.temporary import find_free_port, running_engine
from inference.dialogue import See, answer
from inference.metrics.device import describe_device, list_versions
from inference.registry.errors import ModelError
from inference.registry.machine import gather_machine_facts

ROLES = ("parent", "child")


def compare(request: Request, see: See) -> dict[str, Any]:
    """The report. Raises CompareError or ModelError before the first start where something can be known before."""
    questions_file, text = request.questions_file.read_bytes(), request.text_file.read_bytes()
    questions = read_questions(decode(questions_file, "The file of questions"))
    require_schemas(questions)
    words = decode(text, "The text")
    require_distinct(request.parent, request.child)
    machine = gather_machine_facts(hub_url=None)
    named = {"parent": request.parent, "child": request.child}
    parent, child = (read_contender(named[role], request, machine, role=role) for role in ROLES)
    contexts = [each.spec.max_context_tokens for each in (parent, child)]
    window = choose_window(request, contexts)
    build_command(child, request, python=Path(sys.executable), port=0, role="child")  # too little memory is known now
    measured = [
        run(role, contender, request, questions=questions, text=words, window=window, see=see)
        for role, contender in zip(ROLES, (parent, child), strict=True)
    ]
    return build_report(
        request, (parent, child), (measured[0], measured[1]), text=text, questions_file=questions_file,
        questions=questions, date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_device(parent.spec.device, parent.gpus[: parent.spec.tensor_parallel]),
        versions=list_versions(),
    )  # fmt: skip


def run(
    role: str, contender: Contender, request: Request, *, questions: tuple[Question, ...], text: str, window: int,
    see: See,
) -> Measured:  # fmt: skip
    """One engine from its start to its end."""

    def tell(words: str, done: int, total: int) -> None:
        see(f"{words} ({role})", done, total)

    tell("Starting the engine", 0, 1)
    port, started_at = find_free_port(), time.monotonic()
    command = build_command(contender, request, python=Path(sys.executable), port=port, role=role)
    log = request.folder / f"engine-{role}.log"
    with running_engine(
        command, model=f"compare-{role}", port=port, log=log, ready_seconds=request.serving.start_timeout_seconds
    ) as engine:
        tell("Starting the engine", 1, 1)
        return measure(
            engine, text=text, questions=questions, request=request, window=window, started_at=started_at, see=tell
        )


def decode(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TextError(f"{what} is not UTF-8 (byte {error.start}). Convert it first.") from None


def main() -> int:
    return answer(Request, compare, refusals=(CompareError, ModelError, OSError))


if __name__ == "__main__":
    sys.exit(main())
