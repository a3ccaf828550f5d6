"""NVML's answers become readings in our units, and what is wrong is said in words."""

import threading
from typing import Any

import pytest

from inference.metrics.gpus import GpuState
from inference.metrics.nvml import NvmlSource, name_clock_events
from inference.metrics.nvml_port import NvmlError, PynvmlPort
from inference.metrics.replay import ReplayedPort
from inference.metrics.types import GpuReading
from tests.unit.inference.metrics.fixtures import read

MISMATCH = (
    "The NVIDIA driver was changed while it was in use: its library and its kernel module are of different versions. "
    "Restart the host."
)
LOST = "GPU 1 is lost: it has fallen off the bus. Restart the host; if it happens again, replace the card."


def test_idle_card_is_read_whole() -> None:
    assert read("l40s-idle") == GpuState(
        gpus=(
            GpuReading(
                uuid="GPU-11111111-aaaa-4aaa-8aaa-000000000001",
                index=0,
                name="NVIDIA L40S",
                memory_total_bytes=48305799168,
                memory_used_bytes=41230204928,
                utilization_percent=0.0,
                memory_bandwidth_percent=0.0,
                power_watts=35.12,
                power_limit_watts=350.0,
                energy_joules=918273.645,
                temperature_celsius=34.0,
                slowdown_celsius=92.0,
                sm_clock_mhz=210,
                sm_clock_max_mhz=2520,
                clock_event_reasons=("idle",),
                ecc_enabled=True,
                ecc_corrected=0,
                ecc_uncorrected=0,
            ),
        ),
        driver_version="580.95.05",
    )


def test_card_at_its_power_limit_says_so() -> None:
    held_back, free = read("two-h100-busy").gpus
    assert (held_back.clock_event_reasons, free.clock_event_reasons) == (("sw_power_cap",), ())
    assert (held_back.power_watts, held_back.power_limit_watts) == (699.4, 700.0)
    assert held_back.slowdown_celsius is None


def test_memory_errors_and_xids_are_counted_for_each_card() -> None:
    state = read("a100-ecc-and-xid")
    assert [(gpu.ecc_corrected, gpu.ecc_uncorrected, gpu.xid_events) for gpu in state.gpus] == [
        (412, 3, ((94, 2),)),
        (None, None, ((79, 1),)),
    ]
    assert state.gpus[0].clock_event_reasons == ("hw_slowdown", "sw_thermal_slowdown")
    assert state.problem == LOST


def test_what_a_card_does_not_support_is_none_and_no_problem() -> None:
    state = read("supports-little")
    (gpu,) = state.gpus
    assert state.problem == ""
    assert (gpu.temperature_celsius, gpu.memory_total_bytes) == (41.0, 4294967296)
    unknown = (gpu.utilization_percent, gpu.power_watts, gpu.energy_joules, gpu.sm_clock_mhz, gpu.ecc_enabled)
    assert unknown == (None,) * 5


def test_card_without_memory_of_its_own_and_with_an_old_driver_is_read() -> None:
    (gpu,) = read("shares-memory").gpus
    assert gpu.memory_total_bytes is None
    assert gpu.clock_event_reasons == ("sw_thermal_slowdown",)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("no-driver", "No NVIDIA driver is installed on this host."),
        ("driver-mismatch", MISMATCH),
    ],
)
def test_driver_that_cannot_be_asked_is_a_problem_in_words(name: str, problem: str) -> None:
    assert read(name) == GpuState(problem=problem)


def test_driver_that_finds_no_gpu_is_a_problem() -> None:
    expected = GpuState(driver_version="580.95.05", problem="The NVIDIA driver is loaded and finds no GPU.")
    assert read("driver-without-gpu") == expected


def test_error_without_words_of_its_own_is_named() -> None:
    state = NvmlSource(ReplayedPort({"source": "authored", "init": "IRQ_ISSUE"})).read()
    assert state.problem == "The NVIDIA driver cannot be asked: irq issue."


def test_driver_that_comes_later_is_found() -> None:
    document: dict[str, Any] = {"source": "authored", "init": "DRIVER_NOT_LOADED", "driver_version": "1", "devices": []}
    source = NvmlSource(ReplayedPort(document))
    assert "not loaded" in source.read().problem
    document["init"] = None
    assert source.read().driver_version == "1"


def test_card_that_falls_off_the_bus_keeps_its_place_with_what_never_changes() -> None:
    device: dict[str, Any] = {
        "nvmlDeviceGetUUID": "GPU-a",
        "nvmlDeviceGetName": "NVIDIA L4",
        "nvmlDeviceGetMemoryInfo": {"total": 100, "used": 50},
    }
    source = NvmlSource(ReplayedPort({"source": "authored", "driver_version": "1", "devices": [device]}))
    assert source.read().gpus[0].memory_used_bytes == 50
    device["nvmlDeviceGetUUID"] = {"error": "GPU_IS_LOST"}
    source.count_xid("GPU-a", 79)
    state = source.read()
    assert state.gpus == (GpuReading("GPU-a", 0, "NVIDIA L4", 100, xid_events=((79, 1),)),)
    assert "is lost" in state.problem


def test_unknown_clock_event_keeps_its_value() -> None:
    assert name_clock_events(0x1004) == ("sw_power_cap", "unknown_0x1000")
    assert name_clock_events(None) == name_clock_events(0) == ()


class EventfulPort(ReplayedPort):
    """Reports two XIDs, one of them twice, then nothing more."""

    def __init__(self) -> None:
        device = {"nvmlDeviceGetUUID": "GPU-a", "nvmlDeviceGetName": "NVIDIA L4"}
        super().__init__({"source": "authored", "driver_version": "1", "devices": [device]})
        self._coming: list[tuple[str, int] | None] = [("GPU-a", 13), None, ("GPU-a", 48), ("GPU-a", 48)]
        self.exhausted = threading.Event()

    def watch_xids(self) -> None:
        pass

    def wait_for_xid(self, seconds: float) -> tuple[str, int] | None:
        if not self._coming:
            self.exhausted.set()
            return super().wait_for_xid(seconds)
        return self._coming.pop(0)


def test_xids_are_counted_as_they_come() -> None:
    port = EventfulPort()
    source = NvmlSource(port)
    source.read()
    assert port.exhausted.wait(10)
    assert source.read().gpus[0].xid_events == ((13, 1), (48, 2))


def test_machine_without_the_python_package_says_so() -> None:
    """nvidia-ml-py is in the inference environment only, so here the real port meets its absence."""
    assert "nvidia-ml-py, which is not installed here" in NvmlSource(PynvmlPort()).read().problem


class ForgetfulPort(ReplayedPort):
    """Has to be started again after its second question."""

    started = asked = 0

    def start(self) -> None:
        self.started += 1

    def driver_version(self) -> str:
        self.asked += 1
        if self.asked == 2:
            raise NvmlError("UNINITIALIZED")
        return super().driver_version()


def test_driver_that_was_started_anew_is_opened_again() -> None:
    port = ForgetfulPort({"source": "authored", "driver_version": "1", "devices": []})
    source = NvmlSource(port)
    versions = [source.read().driver_version for _ in range(3)]
    assert (versions, port.started) == (["1", None, "1"], 2)
