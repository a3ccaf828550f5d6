"""How a program of this environment speaks with the command line: a request as JSON in, JSON lines out.

``{"step": words, "done": n, "total": n}`` while it works, at last ``{"result": document}`` or ``{"refused": message}``.
"""

import json
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

EXIT_REFUSED, EXIT_INTERRUPTED = 3, 130
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
See = Callable[[str, int, int], None]  # is told what goes on, how many are done, of how many
R = TypeVar("R", bound=BaseModel)


def interrupt_once() -> None:
    """The first signal to stop raises KeyboardInterrupt; the next ones are not heard, and tidying up is finished."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in STOPPING:
        signal.signal(number, stop)


def answer(kind: type[R], work: Callable[[R, See], dict[str, Any]], *, refusals: tuple[type[Exception], ...]) -> int:
    """The exit code of a program that does ``work`` for the request on standard input; ``refusals`` are foreseen."""
    interrupt_once()
    try:
        result = work(kind.model_validate_json(sys.stdin.read()), _see)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        _write({"refused": f"The request is wrong: {problems}"})
        return EXIT_REFUSED
    except refusals as error:
        _write({"refused": str(error)})
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    _write({"result": result})
    return 0


def _see(words: str, done: int, total: int) -> None:
    _write({"step": words, "done": done, "total": total})


def _write(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
