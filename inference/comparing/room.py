"""Whether there is memory for one more engine now, and how much of it that engine may take. Pure but for reading it."""

import re
from dataclasses import dataclass
from pathlib import Path

from inference.comparing.errors import MemoryTooLittleError
from inference.metrics.types import GpuReading
from inference.planning.sizing import GPU_SHARE, GPU_WORKING_BYTES
from inference.registry.choice import LEAST_WORKING_BYTES

GIB = 1024**3
# Of a GPU, beside what vLLM plans to take: the logarithms of a window's tokens over a vocabulary of 150,000 are 1.2 GiB
# as 32-bit numbers, and are there twice for a moment.
SPARE_BYTES = 3 * GIB
MEMINFO = Path("/proc/meminfo")
STOP = (
    "Stop what uses it for as long as the comparison takes (on one machine: bin/appliance down; on a GPU host: "
    "systemctl stop appliance-engine), or compare smaller models."
)


@dataclass(frozen=True)
class Need:
    """Of one model on each GPU, or in the machine's memory. ``name`` is for messages."""

    name: str
    weights_bytes: int
    kv_cache_bytes: int


def read_available_bytes(meminfo: Path = MEMINFO) -> int:
    """What the kernel thinks a new program can have without swapping."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise MemoryTooLittleError(f"{meminfo} does not say how much memory is available.")
    return int(found.group(1)) * 1024


def require_memory(need: Need, *, available_bytes: int) -> None:
    """For an engine on the CPU. Raises MemoryTooLittleError."""
    needed = need.weights_bytes + need.kv_cache_bytes + LEAST_WORKING_BYTES
    if needed > available_bytes:
        raise MemoryTooLittleError(
            f"An engine with {need.name} needs about {needed / GIB:.1f} GiB of memory, and {available_bytes / GIB:.1f} "
            f"GiB are available beside what runs. {STOP}"
        )


def choose_fraction(need: Need, gpus: tuple[GpuReading, ...], *, wanted: float | None) -> float:
    """The share of each GPU's memory that the temporary engine may take: what the settings say, or less where something
    else is on the GPU. Raises MemoryTooLittleError where that is too little."""
    fraction = wanted or GPU_SHARE
    needed = need.weights_bytes + need.kv_cache_bytes + GPU_WORKING_BYTES
    for gpu in gpus:
        if gpu.memory_total_bytes is None or gpu.memory_used_bytes is None:
            continue  # a GPU that shares the machine's memory does not say: the engine asks for its own
        free = gpu.memory_total_bytes - gpu.memory_used_bytes
        fraction = min(fraction, int(max(0, free - SPARE_BYTES) / gpu.memory_total_bytes * 100) / 100)
        if needed > fraction * gpu.memory_total_bytes:
            raise MemoryTooLittleError(
                f"An engine with {need.name} needs about {needed / GIB:.1f} GiB of GPU {gpu.index} ({gpu.name}), and "
                f"{free / GIB:.1f} of its {gpu.memory_total_bytes / GIB:.1f} GiB are free. {STOP}"
            )
    return fraction
