"""``logs``: the end of each component's log, and on request what is added to it."""

import time
from collections import deque
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli import exit_codes
from appliance.cli.screen import err, out
from appliance.local.instance import open_appliance

POLL_SECONDS = 0.3
EXTRA = ("supervisor", "manage")


def logs(
    component: Annotated[str | None, typer.Argument(help="One component; all of them when left out.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines of each log.")] = 20,
) -> None:
    """Show the last lines of the components' logs."""
    local = open_appliance()
    names = [*(item.name for item in local.topology.programs), *EXTRA]
    if component is not None and component not in names:
        err.print(f"There is no component {component!r}; choose one of: {', '.join(names)}.", markup=False)
        raise typer.Exit(exit_codes.USAGE)
    chosen = [component] if component else names
    followed = [LogFile(name, local.settings.log_dir / f"{name}.log") for name in chosen]
    label = component is None
    for log in followed:
        for line in log.read_end(lines):
            show(log.name, line, label=label)
    while follow:
        time.sleep(POLL_SECONDS)
        for log in followed:
            for line in log.read_added():
                show(log.name, line, label=label)


def show(name: str, line: str, *, label: bool) -> None:
    out.print(f"{name:<12} | {line}" if label else line, markup=False)


class LogFile:
    """A log that is followed by name, so that a rotated file's successor is found."""

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.position, self.inode = 0, -1

    def read_end(self, lines: int) -> list[str]:
        if not self.path.exists():
            return []
        with self.path.open(encoding="utf-8", errors="replace") as handle:
            end = deque((line.rstrip("\n") for line in handle), maxlen=lines)
        self._remember()
        return list(end)

    def read_added(self) -> list[str]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return []
        if status.st_ino != self.inode or status.st_size < self.position:
            self.position = 0
        with self.path.open(encoding="utf-8", errors="replace") as handle:
            handle.seek(self.position)
            added = handle.read()
            self.position, self.inode = handle.tell(), status.st_ino
        return added.splitlines()

    def _remember(self) -> None:
        status = self.path.stat()
        self.position, self.inode = status.st_size, status.st_ino
