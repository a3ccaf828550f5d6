"""What happened to an engine, as JSON lines in one bounded file for each.

Written by what starts and keeps it, read by engine-proxy. Standard library only. A record that cannot be written is
said on standard error and is no reason to stop an engine.
"""

import datetime as dt
import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.metrics.parse import MetricsError, event_from_json
from inference.metrics.types import EngineEvent

SCHEMA_VERSION = 1
MAX_BYTES = 256 * 1024  # of a file; there is one more, of what came before
MOST_SHOWN = 20
DETAIL_CHARACTERS = 500
LOG_LINES, LOG_CHARACTERS = 20, 300
REQUEST_MARK = "sampling_params"  # vLLM's dump of what ran when it crashed: no prompts, but callers' schemas
ENDING = frozenset({"engine_ended", "engine_drained", "model_refused"})


class EventLog:
    """The events of one engine. One process at a time writes: the check of the model, then the keeper."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.path = folder / f"{engine}.jsonl"
        self._engine = engine

    def record(self, kind: str, *, restarts_for: str = "", log: Sequence[str] = (), **said: Any) -> EngineEvent:
        """Append one event. ``restarts_for`` counts one more restart for that reason; counts go on from the last event.

        ``log`` are the engine's last lines, which stay on this machine.
        """
        last = self.find_last()
        restarts = dict(last.restarts) if last else {}
        if restarts_for:
            restarts[restarts_for] = restarts.get(restarts_for, 0) + 1
        detail = str(said.pop("detail", ""))[:DETAIL_CHARACTERS]
        event = EngineEvent(
            id=uuid.uuid4().hex,
            at=dt.datetime.now(dt.UTC).isoformat(timespec="microseconds"),
            engine=self._engine,
            kind=kind,
            detail=detail,
            restarts=restarts,
            **said,
        )
        lines = [line[:LOG_CHARACTERS] for line in log if REQUEST_MARK not in line][-LOG_LINES:]
        self._append({"schema_version": SCHEMA_VERSION, **asdict(event), **({"log": lines} if lines else {})})
        return event

    def find_last(self) -> EngineEvent | None:
        return next(reversed(read_events(self.path)), None)

    def was_lost(self) -> bool:
        """Whether the engine was started last time and nobody recorded its end; tries that came to nothing since then
        say nothing about that."""
        tried = (event for event in reversed(read_events(self.path)) if event.kind != "engine_not_started")
        return (last := next(tried, None)) is not None and last.kind not in ENDING

    def _append(self, document: Mapping[str, Any]) -> None:
        """Readable to other users: the proxy is one on hosts, and nothing in it is anybody's secret."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and self.path.stat().st_size > MAX_BYTES:
                self.path.replace(_older(self.path))
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.fchmod(descriptor, 0o644)
                os.write(descriptor, _finish_line(self.path) + json.dumps(document).encode() + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:
            sys.stderr.write(f"{document['kind']} was not recorded in {self.path}: {error}\n")


class EventReader:
    """Reads a folder again only when a file in it changed."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._seen: tuple[tuple[str, int, int], ...] | None = None
        self._events: tuple[EngineEvent, ...] = ()

    def read(self) -> tuple[EngineEvent, ...]:
        """As :func:`read_folder`; nothing where there is no folder."""
        if self._folder is None:
            return ()
        seen = _stamp(self._folder)
        if seen != self._seen:
            self._seen, self._events = seen, read_folder(self._folder)
        return self._events


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    try:
        found = [(entry.name, entry.stat()) for entry in os.scandir(folder)]
    except OSError:
        return ()
    return tuple(sorted((name, status.st_mtime_ns, status.st_size) for name, status in found))


def read_folder(folder: Path) -> tuple[EngineEvent, ...]:
    """The last :data:`MOST_SHOWN` of each engine in ``folder``, in order of time."""
    try:
        paths = sorted(folder.glob("*.jsonl"))
    except OSError:
        return ()
    found = [event for path in paths for event in read_events(path)[-MOST_SHOWN:]]
    return tuple(sorted(found, key=lambda event: event.at))


def read_events(path: Path) -> list[EngineEvent]:
    """All that the two files hold, oldest first; a line that is no event, such as one cut short, is passed over."""
    return [event for each in (_older(path), path) for event in _parse_file(each)]


def _older(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _finish_line(path: Path) -> bytes:
    """What whoever was killed while writing left open."""
    text = path.read_bytes()[-1:]
    return b"" if text in (b"", b"\n") else b"\n"


def _parse_file(path: Path) -> Iterator[EngineEvent]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            document = json.loads(line)
            if document["schema_version"] == SCHEMA_VERSION:
                yield event_from_json(document)
        except (ValueError, TypeError, KeyError, RecursionError, MetricsError):
            continue
