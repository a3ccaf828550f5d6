"""Reads two GPUs that are not there and prints it: a stand-in for NVIDIA's library under the real nvidia-ml-py.

Runs in the inference environment. Authored: it answers as NVML is documented to, for two cards of which the second
falls off the bus after the first reading.
"""

import ctypes
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pynvml

from inference.metrics.nvml import NvmlSource
from inference.metrics.nvml_port import PynvmlPort

UUIDS = (b"GPU-a", b"GPU-b")
DEVICES = [pynvml.struct_c_nvmlDevice_t() for _ in UUIDS]
lost: set[int] = set()
events: list[tuple[int, int]] = []


def index_of(handle: Any) -> int:
    address = ctypes.cast(handle, ctypes.c_void_p).value
    return next(number for number, each in enumerate(DEVICES) if ctypes.addressof(each) == address)


def about_a_device(fill: Callable[..., None]) -> Callable[..., int]:
    def answer(handle: Any, *arguments: Any) -> int:
        if index_of(handle) in lost:
            return int(pynvml.NVML_ERROR_GPU_IS_LOST)
        fill(index_of(handle), *arguments)
        return 0

    return answer


def put(pointer: Any, value: int) -> None:
    pointer._obj.value = value


def put_fields(pointer: Any, **values: int) -> None:
    for name, value in values.items():
        setattr(pointer._obj, name, value)


def handle_by_index(index: Any, pointer: Any) -> int:
    if index.value in lost:
        return int(pynvml.NVML_ERROR_GPU_IS_LOST)
    pointer._obj.contents = DEVICES[index.value]
    return 0


def count(pointer: Any) -> int:
    put(pointer, len(UUIDS))
    return 0


def version(buffer: Any, _length: Any) -> int:
    buffer.value = b"580.95.05"
    return 0


def ecc_mode(_index: int, current: Any, pending: Any) -> None:
    put(current, 1)
    put(pending, 1)


def wait(_events: Any, pointer: Any, _milliseconds: Any) -> int:
    if not events:
        time.sleep(0.05)
        return int(pynvml.NVML_ERROR_TIMEOUT)
    device, xid = events.pop(0)
    pointer._obj.device.contents = DEVICES[device]
    put_fields(pointer, eventType=pynvml.nvmlEventTypeXidCriticalError, eventData=xid)
    return 0


FUNCTIONS: dict[str, Callable[..., int]] = {
    "nvmlInitWithFlags": lambda _flags: 0,
    "nvmlSystemGetDriverVersion": version,
    "nvmlDeviceGetCount_v2": count,
    "nvmlDeviceGetHandleByIndex_v2": handle_by_index,
    "nvmlDeviceGetUUID": about_a_device(lambda index, buffer, _: setattr(buffer, "value", UUIDS[index])),
    "nvmlDeviceGetName": about_a_device(lambda _, buffer, __: setattr(buffer, "value", b"NVIDIA L4")),
    "nvmlDeviceGetMemoryInfo": about_a_device(lambda _, pointer: put_fields(pointer, total=100, free=60, used=40)),
    "nvmlDeviceGetUtilizationRates": about_a_device(lambda _, pointer: put_fields(pointer, gpu=50, memory=25)),
    "nvmlDeviceGetPowerUsage": about_a_device(lambda _, pointer: put(pointer, 70_500)),
    "nvmlDeviceGetTotalEnergyConsumption": about_a_device(lambda _, pointer: put(pointer, 2**40)),
    "nvmlDeviceGetTemperature": about_a_device(lambda _, __, pointer: put(pointer, 61)),
    "nvmlDeviceGetClockInfo": about_a_device(lambda _, __, pointer: put(pointer, 2040)),
    "nvmlDeviceGetCurrentClocksEventReasons": about_a_device(lambda _, pointer: put(pointer, 0x24)),
    "nvmlDeviceGetEccMode": about_a_device(ecc_mode),
    "nvmlDeviceGetTotalEccErrors": about_a_device(lambda _, kind, __, pointer: put(pointer, 5 - 5 * kind.value)),
    "nvmlEventSetCreate": lambda _pointer: 0,
    "nvmlDeviceRegisterEvents": lambda _handle, _kinds, _events: 0,
    "nvmlEventSetWait_v2": wait,
}


class Library:
    """What nvidia-ml-py takes for the shared library: functions that are not here are those of a newer driver."""

    def __getattr__(self, name: str) -> Callable[..., int]:
        if name not in FUNCTIONS:
            raise AttributeError(name)
        return FUNCTIONS[name]


def main() -> None:
    pynvml.nvmlLib = Library()
    source = NvmlSource(PynvmlPort())
    states = [source.read()]
    lost.add(1)
    events.extend([(0, 43), (1, 79)])
    deadline = time.monotonic() + 20
    while events and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    states.append(source.read())
    sys.stdout.write(json.dumps([dataclasses.asdict(state) for state in states]) + "\n")


if __name__ == "__main__":
    main()
