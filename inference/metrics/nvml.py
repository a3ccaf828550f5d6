"""NVML's answers as readings in our units. What a card does not support is None; what is wrong is said in words."""

import contextlib
import logging
import threading
import time
from collections import Counter
from typing import Any

from inference.metrics.gpus import GpuState
from inference.metrics.nvml_port import NvmlError, NvmlPort
from inference.metrics.types import GpuReading

logger = logging.getLogger(__name__)
# NVML's constants, which are part of its binary interface.
TEMPERATURE_GPU = 0
THRESHOLD_SLOWDOWN = 1
CLOCK_SM = 1
ECC_CORRECTED, ECC_UNCORRECTED = 0, 1
ECC_SINCE_DRIVER_LOADED = 0
CLOCK_EVENT_REASONS = {
    0x001: "idle",
    0x002: "applications_clocks_setting",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}
XID_WAIT_SECONDS = 5.0
PROBLEMS = {
    "LIBRARY_NOT_FOUND": "No NVIDIA driver is installed on this host.",
    "MODULE_NOT_FOUND": "GPU readings need the Python package nvidia-ml-py, which is not installed here.",
    "DRIVER_NOT_LOADED": "The NVIDIA driver is installed, and not loaded. The kernel's log (dmesg) says why.",
    "LIB_RM_VERSION_MISMATCH": "The NVIDIA driver was changed while it was in use: its library and its kernel module "
    "are of different versions. Restart the host.",
    "NO_PERMISSION": "This user may not talk to the NVIDIA driver: see the permissions of /dev/nvidia*.",
}
DEVICE_PROBLEMS = {
    "GPU_IS_LOST": "is lost: it has fallen off the bus. Restart the host; if it happens again, replace the card",
    "RESET_REQUIRED": "needs a reset before it can be used again",
    "GPU_NOT_FOUND": "cannot be opened any more. Restart the host",
    "CORRUPTED_INFOROM": "has a damaged info ROM",
}


class NvmlSource:
    """The GPUs behind one port. Tries again at every reading while there is no driver."""

    def __init__(self, port: NvmlPort) -> None:
        self._port = port
        self._started = self._watching = False
        self._seen: dict[int, GpuReading] = {}
        self._xids: dict[str, Counter[int]] = {}

    @property
    def source(self) -> str:
        return self._port.source

    def read(self) -> GpuState:
        try:
            self._start()
            driver, count = self._port.driver_version(), self._port.count_devices()
        except NvmlError as error:
            self._started = self._started and error.name != "UNINITIALIZED"
            return GpuState(problem=_explain(error))
        gpus, problems = [], []
        for index in range(max(count, len(self._seen))):
            reading, problem = self._read_device(index)
            gpus += [reading] if reading else []
            problems += [problem] if problem else []
        if not gpus and not problems:
            problems.append("The NVIDIA driver is loaded and finds no GPU.")
        return GpuState(tuple(gpus), driver, " ".join(problems))

    def count_xid(self, uuid: str, xid: int) -> None:
        logger.warning("XID %d on %s", xid, uuid)
        self._xids.setdefault(uuid, Counter())[xid] += 1

    def _start(self) -> None:
        if self._started:
            return
        self._port.start()
        self._started = True
        with contextlib.suppress(NvmlError):  # a host whose cards tell no XIDs
            self._port.watch_xids()
            if self._watching:
                return
            self._watching = True
            threading.Thread(target=self._watch, name="xids", daemon=True).start()

    def _watch(self) -> None:
        while True:
            try:
                event = self._port.wait_for_xid(XID_WAIT_SECONDS)
            except NvmlError as error:
                logger.warning("waiting for XIDs: %s", error.name)
                time.sleep(XID_WAIT_SECONDS)
                continue
            if event is not None:
                self.count_xid(*event)

    def _read_device(self, index: int) -> tuple[GpuReading | None, str]:
        """A card that is lost keeps its place with what never changes, so that it is missed."""
        device, seen = _Device(self._port, index), self._seen.get(index)
        try:
            uuid, name = str(device.ask("nvmlDeviceGetUUID")), str(device.ask("nvmlDeviceGetName"))
            seen = seen if seen and seen.uuid == uuid else GpuReading(uuid, index, name)
            self._seen[index] = self._read_values(device, index, uuid, name)
        except NvmlError as error:
            return seen and self._strip(seen), _explain_device(index, error)
        return self._seen[index], ""

    def _strip(self, seen: GpuReading) -> GpuReading:
        xids = self._list_xids(seen.uuid)
        return GpuReading(seen.uuid, seen.index, seen.name, seen.memory_total_bytes, xid_events=xids)

    def _list_xids(self, uuid: str) -> tuple[tuple[int, int], ...]:
        return tuple(sorted(self._xids.get(uuid, {}).items()))

    def _read_values(self, device: "_Device", index: int, uuid: str, name: str) -> GpuReading:
        memory = device.find("nvmlDeviceGetMemoryInfo") or {}
        used = device.find("nvmlDeviceGetUtilizationRates") or {}
        ecc = device.find("nvmlDeviceGetEccMode")
        return GpuReading(
            uuid=uuid,
            index=index,
            name=name,
            memory_total_bytes=memory.get("total"),
            memory_used_bytes=memory.get("used"),
            utilization_percent=_number(used.get("gpu")),
            memory_bandwidth_percent=_number(used.get("memory")),
            power_watts=_thousandth(device.find("nvmlDeviceGetPowerUsage")),
            power_limit_watts=_thousandth(device.find("nvmlDeviceGetEnforcedPowerLimit")),
            energy_joules=_thousandth(device.find("nvmlDeviceGetTotalEnergyConsumption")),
            temperature_celsius=_number(device.find("nvmlDeviceGetTemperature", TEMPERATURE_GPU)),
            slowdown_celsius=_number(device.find("nvmlDeviceGetTemperatureThreshold", THRESHOLD_SLOWDOWN)),
            sm_clock_mhz=device.find("nvmlDeviceGetClockInfo", CLOCK_SM),
            sm_clock_max_mhz=device.find("nvmlDeviceGetMaxClockInfo", CLOCK_SM),
            clock_event_reasons=name_clock_events(_find_clock_events(device)),
            ecc_enabled=bool(ecc[0]) if ecc else None,
            ecc_corrected=device.find("nvmlDeviceGetTotalEccErrors", ECC_CORRECTED, ECC_SINCE_DRIVER_LOADED),
            ecc_uncorrected=device.find("nvmlDeviceGetTotalEccErrors", ECC_UNCORRECTED, ECC_SINCE_DRIVER_LOADED),
            xid_events=self._list_xids(uuid),
        )


class _Device:
    """One device's questions."""

    def __init__(self, port: NvmlPort, index: int) -> None:
        self._port, self._index = port, index

    def ask(self, function: str, *arguments: int) -> Any:
        return self._port.query(function, self._index, *arguments)

    def find(self, function: str, *arguments: int) -> Any:
        """None when the card cannot say. Raises :class:`NvmlError` when the card itself is in trouble."""
        try:
            return self.ask(function, *arguments)
        except NvmlError as error:
            if error.name in DEVICE_PROBLEMS and error.name != "CORRUPTED_INFOROM":
                raise
            return None


def _find_clock_events(device: _Device) -> int | None:
    """Older drivers know them as throttle reasons only."""
    found: int | None = device.find("nvmlDeviceGetCurrentClocksEventReasons")
    return found if found is not None else device.find("nvmlDeviceGetCurrentClocksThrottleReasons")


def name_clock_events(mask: int | None) -> tuple[str, ...]:
    """NVML's bits as words, unknown ones by their value."""
    if not mask:
        return ()
    bits = [1 << position for position in range(mask.bit_length()) if mask >> position & 1]
    return tuple(CLOCK_EVENT_REASONS.get(bit, f"unknown_{bit:#x}") for bit in bits)


def _explain(error: NvmlError) -> str:
    return PROBLEMS.get(error.name, f"The NVIDIA driver cannot be asked: {error.name.lower().replace('_', ' ')}.")


def _explain_device(index: int, error: NvmlError) -> str:
    what = DEVICE_PROBLEMS.get(error.name, f"cannot be read: {error.name.lower().replace('_', ' ')}")
    return f"GPU {index} {what}."


def _thousandth(value: float | None) -> float | None:
    return None if value is None else value / 1000


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
