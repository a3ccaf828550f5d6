"""How a verb that takes minutes shows how far it is: on standard error, so that what ``--json`` prints stays JSON."""

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from appliance.cli.screen import err


class Steps:
    """A bar for each step on a terminal; elsewhere a line when a step begins."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )  # fmt: skip
        self._bar = Progress(*columns, console=err, disable=not err.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def see(self, words: str, done: int, total: int) -> None:
        if words not in self._tasks:
            self._tasks[words] = self._bar.add_task(words, total=total)
            if not err.is_terminal:
                err.print(f"{time.monotonic() - self._started:6.0f} s  {words}", markup=False)
        self._bar.update(self._tasks[words], completed=done, total=total)
