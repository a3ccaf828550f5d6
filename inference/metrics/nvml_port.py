"""NVML as a few questions with plain answers, so that a file can answer them too. Owns no interpretation."""

import ctypes
from typing import Any, Protocol


class NvmlError(Exception):
    """NVML's own name of what went wrong, such as NOT_SUPPORTED or GPU_IS_LOST."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NvmlPort(Protocol):
    """Every question may raise :class:`NvmlError`. Devices are numbered from 0."""

    @property
    def source(self) -> str: ...

    def start(self) -> None:
        """Once before the others; again after it failed."""
        ...

    def driver_version(self) -> str: ...

    def count_devices(self) -> int: ...

    def query(self, function: str, device: int, *arguments: int) -> Any:
        """NVML's ``function`` about a device: numbers and strings as they are, structures as dictionaries."""
        ...

    def watch_xids(self) -> None:
        """Ask to be told about XIDs of all devices that can tell."""
        ...

    def wait_for_xid(self, seconds: float) -> tuple[str, int] | None:
        """The GPU's UUID and the XID; None when nothing happened in ``seconds``."""
        ...


class PynvmlPort:
    """The driver of this machine, through nvidia-ml-py."""

    source = "nvml"

    def __init__(self) -> None:
        self._events: Any = None
        self._uuids: dict[int | None, str] = {}

    def start(self) -> None:
        self._call("nvmlInit")

    def driver_version(self) -> str:
        return str(self._call("nvmlSystemGetDriverVersion"))

    def count_devices(self) -> int:
        return int(self._call("nvmlDeviceGetCount"))

    def query(self, function: str, device: int, *arguments: int) -> Any:
        return _plain(self._call(function, self._call("nvmlDeviceGetHandleByIndex", device), *arguments))

    def watch_xids(self) -> None:
        self._events = self._call("nvmlEventSetCreate")
        xids = _module().nvmlEventTypeXidCriticalError
        for device in range(self.count_devices()):
            handle = self._call("nvmlDeviceGetHandleByIndex", device)
            self._uuids[_address(handle)] = str(self._call("nvmlDeviceGetUUID", handle))
            try:
                self._call("nvmlDeviceRegisterEvents", handle, xids, self._events)
            except NvmlError as error:
                if error.name != "NOT_SUPPORTED":
                    raise

    def wait_for_xid(self, seconds: float) -> tuple[str, int] | None:
        try:
            event = self._call("nvmlEventSetWait_v2", self._events, int(seconds * 1000))
        except NvmlError as error:
            if error.name == "TIMEOUT":
                return None
            raise
        # A card that has just fallen off the bus cannot be asked for its name any more.
        return self._uuids.get(_address(event.device), ""), int(event.eventData)

    def _call(self, function: str, *arguments: Any) -> Any:
        pynvml = _module()
        try:
            return getattr(pynvml, function)(*arguments)
        except pynvml.NVMLError as error:
            raise NvmlError(_name(error.value)) from None


def _module() -> Any:
    """Imported late: without it there are no readings, and everything else works."""
    try:
        import pynvml
    except ImportError:
        raise NvmlError("MODULE_NOT_FOUND") from None
    return pynvml


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value


def _name(value: int) -> str:
    names = (name for name, number in vars(_module()).items() if name.startswith("NVML_ERROR_") and number == value)
    return next(names, f"NVML_ERROR_{value}").removeprefix("NVML_ERROR_")


def _plain(value: Any) -> Any:
    if isinstance(value, ctypes.Structure):
        return {field[0]: _plain(getattr(value, field[0])) for field in value._fields_}
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value
