"""How verbs that read or copy many gigabytes show how far they are: a bar on a terminal, lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from appliance.cli.screen import err

SAID_EVERY_BYTES = 10 * 1024**3
GIB = 1024**3


class Shown:
    """Implements :class:`inference.registry.importing.Progress`."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._task, self._done, self._said = bar, TaskID(0), 0, 0

    def begin(self, words: str, total_bytes: int | None) -> None:
        self._task = self._bar.add_task(words, total=total_bytes)
        if not err.is_terminal:
            size = f", {total_bytes / GIB:.1f} GiB" if total_bytes is not None else ""
            err.print(f"{words}{size}", markup=False)

    def advance(self, done_bytes: int) -> None:
        self._bar.advance(self._task, done_bytes)
        self._done += done_bytes
        if not err.is_terminal and self._done // SAID_EVERY_BYTES > self._said:
            self._said = self._done // SAID_EVERY_BYTES
            err.print(f"  {self._done / GIB:.0f} GiB done", markup=False)


@contextmanager
def show_progress() -> Iterator[Shown]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        yield Shown(bar)
