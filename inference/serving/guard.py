"""Check a model directory, then become the engine: ``python -m inference.serving.guard --models M --path P -- ARGV``.

So that a supervisor which starts the engine again loads nothing that was not looked at again. A model that is refused
is recorded as an event, and ends with a code by which the supervisor knows not to try again.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from inference.registry.errors import ModelError
from inference.registry.verification import verify
from inference.serving.command import Command
from inference.serving.events import EventLog
from inference.serving.keeper.exit_codes import EXIT_REFUSED, EXIT_UNUSABLE
from inference.serving.turns import wait_for_turn

PAUSE_SECONDS = 5.0


def guard_command(
    command: Command,
    path: Path,
    *,
    python: Path,
    models_dir: Path,
    also: Sequence[Path] = (),
    after: Sequence[str] = (),
    after_seconds: int = 0,
    given_up: Path | None = None,
    events: Path | None = None,
    engine: str = "engine",
) -> Command:
    """``command``, with the check of ``path`` before it and of what is loaded ``also``, and its turn ``after`` those at
    these addresses, but for those marked in the folder ``given_up``. Pure."""
    before = (str(python), "-m", "inference.serving.guard", "--models", str(models_dir))
    paths = [word for each in (path, *also) for word in ("--path", str(each))]
    turn = [word for url in after for word in ("--after", url)]
    limit = ["--after-seconds", str(after_seconds)] if after else []
    limit += ["--given-up", str(given_up)] if after and given_up is not None else []
    record = () if events is None else ("--events", str(events), "--engine", engine)
    return Command((*before, *paths, *turn, *limit, *record, "--", *command.argv), command.env)


def main() -> None:
    parser = argparse.ArgumentParser(description="Check a model directory, then become the engine.")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--path", type=Path, required=True, action="append", dest="paths")
    parser.add_argument("--after", action="append", default=[], help="an engine whose start is waited for")
    parser.add_argument("--after-seconds", type=int, default=0)
    parser.add_argument("--given-up", type=Path, help="a folder of marks: who is not waited for")
    parser.add_argument("--events", type=Path, help="where a refusal is recorded")
    parser.add_argument("--engine", default="engine", help="for whom")
    parser.add_argument("argv", nargs="+")
    asked = parser.parse_args()
    try:
        for path in asked.paths:
            verify(path, models_dir=asked.models)
    except ModelError as error:
        if asked.events is not None:
            EventLog(asked.events, asked.engine).record("model_refused", exit_code=EXIT_REFUSED, detail=str(error))
        sys.stderr.write(f"The model is not loaded. {error}\n")
        sys.exit(EXIT_REFUSED)
    except OSError as error:
        sys.stderr.write(f"The model could not be read. {error}\n")
        time.sleep(PAUSE_SECONDS)  # a disk may come back; until then it is not asked in a tight loop
        sys.exit(EXIT_UNUSABLE)
    wait_for_turn(asked.after, seconds=asked.after_seconds, given_up=asked.given_up)
    os.execv(asked.argv[0], asked.argv)  # noqa: S606 - becomes the engine, in the environment that it was given


if __name__ == "__main__":
    main()
