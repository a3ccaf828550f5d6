"""GPU readings from a file instead of a driver, for demonstrations and tests; labelled as what they are.

The file holds what NVML would answer, so the same code reads both. ``devices`` is a list of objects: NVML's function,
with its arguments in parentheses if it has any, to its answer or to ``{"error": "NOT_SUPPORTED"}``. What is not there
is not supported. ``init`` is the error of a driver that does not start; ``xids`` are pairs of device and XID.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.metrics.nvml import NvmlSource
from inference.metrics.nvml_port import NvmlError
from inference.metrics.types import FILE_SOURCES

SCHEMA_VERSION = 1


class ReplayError(Exception):
    """The file of readings cannot be used; the message says why."""


def open_replay(path: Path) -> NvmlSource:
    """Raises :class:`ReplayError`. The file's XIDs have happened already."""
    port = ReplayedPort(read_document(path))
    source = NvmlSource(port)
    for uuid, xid in port.list_xids():
        source.count_xid(uuid, xid)
    return source


def read_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReplayError(f"{path} cannot be read: {error}") from None
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        raise ReplayError(f"{path} is not a file of readings of schema version {SCHEMA_VERSION}.")
    if document.get("source") not in FILE_SOURCES:
        raise ReplayError(f"{path} must say where it comes from: source is one of {', '.join(sorted(FILE_SOURCES))}.")
    return document


class ReplayedPort:
    """:class:`~inference.metrics.nvml_port.NvmlPort` over one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._devices: list[dict[str, Any]] = list(document.get("devices", ()))

    @property
    def source(self) -> str:
        return str(self._document["source"])

    def start(self) -> None:
        if error := self._document.get("init"):
            raise NvmlError(error)

    def driver_version(self) -> str:
        return str(self._document["driver_version"])

    def count_devices(self) -> int:
        return len(self._devices)

    def query(self, function: str, device: int, *arguments: int) -> Any:
        key = f"{function}({','.join(map(str, arguments))})" if arguments else function
        answer = self._devices[device].get(key, {"error": "NOT_SUPPORTED"})
        if isinstance(answer, dict) and "error" in answer:
            raise NvmlError(answer["error"])
        return answer

    def list_xids(self) -> list[tuple[str, int]]:
        return [(self._devices[device]["nvmlDeviceGetUUID"], xid) for device, xid in self._document.get("xids", ())]

    def watch_xids(self) -> None:
        raise NvmlError("NOT_SUPPORTED")

    def wait_for_xid(self, seconds: float) -> tuple[str, int] | None:
        time.sleep(seconds)
        return None
