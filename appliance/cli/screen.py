"""How the command line shows progress and tables: a live line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

# What is shown was often written elsewhere: `:name:` in it is text, and no picture.
out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


class ShownStep:
    """A step that is going on; ``note`` is shown when it ends, and on a terminal as it changes."""

    def __init__(self, title: str) -> None:
        self.title, self.note = title, ""

    def __rich__(self) -> Text:
        return Text(f"{self.title} ... {self.note}".rstrip())


class Screen:
    """Implements :class:`appliance.local.reporting.Report`, on standard error where JSON goes to the other."""

    def __init__(self, console: Console = out) -> None:
        self._console = console

    @contextmanager
    def step(self, title: str) -> Iterator[ShownStep]:
        step, started = ShownStep(title), time.monotonic()
        try:
            if self._console.is_terminal:
                with self._console.status(step):
                    yield step
            else:
                yield step
        except BaseException:
            self._end("failed", title, started, "")
            raise
        self._end("ok", title, started, step.note)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def _end(self, word: str, title: str, started: float, note: str) -> None:
        color = {"ok": "green", "failed": "red"}[word]
        elapsed = f"{time.monotonic() - started:.1f} s"
        self._console.print(f"  [{color}]{word:<6}[/{color}]", end=" ")
        self._console.print(f"{title:<34} {elapsed:>8}  {note}".rstrip(), markup=False)
