"""Where readings of GPUs come from: the driver, or a file that says that it is none. Standard library only."""

from dataclasses import dataclass
from typing import Protocol

from inference.metrics.types import GpuReading


@dataclass(frozen=True)
class GpuState:
    """All GPUs of a host at one moment; ``problem`` says in words what could not be read, empty when all is well."""

    gpus: tuple[GpuReading, ...] = ()
    driver_version: str | None = None
    problem: str = ""


class GpuSource(Protocol):
    """``source`` is that of :class:`~inference.metrics.types.HostReading`."""

    @property
    def source(self) -> str: ...

    def read(self) -> GpuState:
        """May block for as long as the driver does. Never raises for a GPU, driver or library that is absent or ill."""
        ...
