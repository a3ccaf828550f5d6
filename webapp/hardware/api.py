"""The face of the hardware room: readings of GPUs and engines, pulled from the hosts that have them."""

from collections.abc import Iterable

from webapp.hardware.services import collecting, reading, rolling_up
from webapp.hardware.services.reading import Series
from webapp.hardware.statements import ENGINE, GPU
from webapp.hardware.types import EngineInfo, EventInfo, GpuInfo, HostInfo, Span


def collect() -> int:
    """Pull one reading from each host; returns how many gave one. A host that did not has the reason in its row."""
    return collecting.collect()


def maintain() -> None:
    """Bring the hourly rollups up to date, make partitions ahead, and drop what is past its retention."""
    rolling_up.maintain()


def list_hosts() -> list[HostInfo]:
    """The hosts that readings are pulled from: those at which a model is registered and that were asked before."""
    return reading.list_hosts()


def list_gpus() -> list[GpuInfo]:
    """The GPUs of those hosts as last read, in order of host and index."""
    return reading.list_gpus()


def list_engines() -> list[EngineInfo]:
    """The engines of those hosts as last read."""
    return reading.list_engines()


def list_engine_events(*, host_ids: Iterable[int], span: Span) -> list[EventInfo]:
    """What happened to the engines of these hosts in this time, newest first; at most a few hundred."""
    return reading.list_engine_events(host_ids, span)


def read_gpu_series(*, gpu_ids: Iterable[int], span: Span) -> Series:
    """Points of every metric of these GPUs, one for each step that has readings; without readings, no point."""
    return reading.read_series(GPU, gpu_ids, span)


def read_engine_series(*, engine_ids: Iterable[int], span: Span) -> Series:
    """The same of these engines."""
    return reading.read_series(ENGINE, engine_ids, span)
