"""Record what NVML answers, as a file that :mod:`inference.metrics.replay` reads. Runs in the inference environment.

``python -m tests.gpu.recording --about "One L40S under load." --write FILE``. Every question that a reading is made of
is asked once and kept with its answer or its error, except who the card is: the UUID, of one machine, is replaced.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from inference.metrics.nvml import NvmlSource
from inference.metrics.nvml_port import NvmlError, NvmlPort, PynvmlPort
from inference.metrics.replay import SCHEMA_VERSION

UUID = "nvmlDeviceGetUUID"


class RecordingPort:
    """Passes on what another port says, and keeps it. XIDs are not waited for."""

    def __init__(self, port: NvmlPort) -> None:
        self._port = port
        self._devices: dict[int, dict[str, Any]] = {}

    @property
    def source(self) -> str:
        return self._port.source

    def start(self) -> None:
        self._port.start()

    def driver_version(self) -> str:
        return self._port.driver_version()

    def count_devices(self) -> int:
        return self._port.count_devices()

    def query(self, function: str, device: int, *arguments: int) -> Any:
        key = f"{function}({','.join(map(str, arguments))})" if arguments else function
        answers = self._devices.setdefault(device, {})
        try:
            answers[key] = self._port.query(function, device, *arguments)
        except NvmlError as error:
            answers[key] = {"error": error.name}
            raise
        return answers[key]

    def watch_xids(self) -> None:
        raise NvmlError("NOT_SUPPORTED")

    def wait_for_xid(self, seconds: float) -> tuple[str, int] | None:
        return None

    def list_devices(self) -> list[dict[str, Any]]:
        devices = [answers for _, answers in sorted(self._devices.items())]
        for index, answers in enumerate(devices):
            if isinstance(answers.get(UUID), str):
                answers[UUID] = f"GPU-00000000-0000-4000-8000-{index:012d}"
        return devices


class NothingToRecordError(Exception):
    """There is no card that answers; the message is the reading's own."""


def record(port: NvmlPort, *, about: str) -> dict[str, Any]:
    """The document of one reading. Raises NothingToRecordError."""
    recorder = RecordingPort(port)
    state = NvmlSource(recorder).read()
    if not state.gpus:
        raise NothingToRecordError(state.problem)
    return {
        "schema_version": SCHEMA_VERSION,
        "source": "recorded",
        "about": about,
        "driver_version": state.driver_version,
        "devices": recorder.list_devices(),
    }


def main(port: NvmlPort | None = None) -> int:
    parser = argparse.ArgumentParser(description="Record what NVML answers.")
    parser.add_argument("--about", required=True, help="a sentence: which card, doing what")
    parser.add_argument("--write", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        document = record(port or PynvmlPort(), about=arguments.about)
    except NothingToRecordError as error:
        sys.stderr.write(f"Nothing was recorded: {error}\n")
        return 1
    arguments.write.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
