"""Engines that are started before their turn: loading vLLM's libraries keeps one core busy for half a minute."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.engines.launch import RunningEngine, running_engine
from tests.matrix.cells import Cell, build_cell_spec

ENGINES = 2  # at once: the one that is asked, and the next


@dataclass(frozen=True)
class Started:
    """``checkpoint`` is the directory that ``engine`` serves. Leaving ``ending`` stops the engine."""

    engine: RunningEngine
    checkpoint: Path
    ready_seconds: float
    ending: ExitStack


class Ahead:
    """The engines of ``cells``, which are taken in that order. Use as a context manager: it stops what is left."""

    def __init__(self, cells: tuple[Cell, ...], find_checkpoint: Callable[[Cell], Path], folder: Path) -> None:
        self._cells, self._find_checkpoint, self._folder = cells, find_checkpoint, folder
        self._starting: dict[Cell, Future[Started]] = {}
        # The threads live as long as this: an engine dies with the thread that started it.
        self._pool = ThreadPoolExecutor(ENGINES, thread_name_prefix="ahead")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for future in self._starting.values():
            if not future.cancel() and future.exception() is None:
                future.result().ending.close()
        self._pool.shutdown()

    @contextmanager
    def take(self, cell: Cell) -> Iterator[Started]:
        """The engine of ``cell`` when it is ready, until the block ends. The next one begins at the same time."""
        position = self._cells.index(cell)
        for each in self._cells[position : position + ENGINES]:
            if each not in self._starting:
                self._starting[each] = self._pool.submit(self._start, each)
        taken = self._starting[cell].result()
        with taken.ending:
            yield taken

    def _start(self, cell: Cell) -> Started:
        """Uncompiled: it starts in half the time."""
        checkpoint = self._find_checkpoint(cell)
        folder = self._folder / cell.name
        folder.mkdir()
        begun = time.monotonic()
        ending = ExitStack()
        engine = ending.enter_context(running_engine(build_cell_spec(cell, checkpoint), folder, enforce_eager=True))
        return Started(engine, checkpoint, round(time.monotonic() - begun, 1), ending)
