"""How long work tells what it does; the command line draws it."""

from contextlib import AbstractContextManager
from typing import Protocol


class Step(Protocol):
    """A step that is going on; ``note`` is shown when it ends, and on a terminal as it changes."""

    note: str


class Report(Protocol):
    def step(self, title: str) -> AbstractContextManager[Step]: ...

    def say(self, text: str) -> None: ...
