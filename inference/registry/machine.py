"""What the machine has, gathered once and passed on as values. The only part of the registry that looks outside."""

import ctypes
import http.client
import os
import platform
import shutil
import subprocess
import sysconfig
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

HUB_URL = "https://huggingface.co"
HUB_PROBE_SECONDS = 3.0
NVIDIA_SMI_SECONDS = 10
COMPILER = "g++"
LIBNUMA = "libnuma.so.1"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"  # where the engine looks for programs
CPUINFO = Path("/proc/cpuinfo")
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Gpu:
    name: str
    memory_bytes: int
    compute_capability: tuple[int, int]


@dataclass(frozen=True)
class MachineFacts:
    """``hub_reachable`` is None where no hub was asked;
    ``cpu_flags`` are Linux's names (avx2, avx512f ...), empty where unknown; ``has_compiler``: what
    the engine compiles with;
    ``has_libnuma``: the library that the engine's CPU build links against, and a bare Debian lacks;
    ``has_nvidia_driver``: the kernel's driver for GPUs is loaded, whether or not one answers."""

    gpus: tuple[Gpu, ...]
    hub_reachable: bool | None
    memory_bytes: int
    architecture: str
    cpu_flags: frozenset[str]
    has_compiler: bool
    has_libnuma: bool
    has_nvidia_driver: bool = False


def gather_machine_facts(*, hub_url: str | None = HUB_URL) -> MachineFacts:
    """Bounded: a hub that does not answer costs at most :data:`HUB_PROBE_SECONDS`; with None none is asked."""
    return MachineFacts(
        gpus=list_gpus(),
        hub_reachable=None if hub_url is None else is_hub_reachable(hub_url),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        architecture=platform.machine(),
        cpu_flags=read_cpu_flags(CPUINFO),
        has_compiler=can_compile(),
        has_libnuma=has_library(LIBNUMA),
        has_nvidia_driver=NVIDIA_DRIVER.exists(),
    )


def can_compile(*, path: str = SYSTEM_PATH, headers: Path | None = None) -> bool:
    """Whether there are a C++ compiler and Python's own headers, which what the engine compiles includes."""
    folder = headers or Path(sysconfig.get_path("include"))
    return shutil.which(COMPILER, path=path) is not None and (folder / "Python.h").exists()


def has_library(name: str) -> bool:
    """Whether the dynamic linker finds this shared library, such as ``libnuma.so.1``."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def read_cpu_flags(cpuinfo: Path) -> frozenset[str]:
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it is raised as the HTTPError that it is."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


def is_hub_reachable(url: str, *, seconds: float = HUB_PROBE_SECONDS) -> bool:
    """One HEAD request that is answered with 2xx: a proxy's refusal, or a log-in page one is sent to, is no hub.

    In a thread, because a name lookup cannot be given a time limit.
    """
    answered = threading.Event()

    def probe() -> None:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - https, or a test's own server
        try:
            urllib.request.build_opener(_StayHere).open(request, timeout=seconds).close()
        except urllib.error.HTTPError as error:
            error.close()
        except (OSError, ValueError, http.client.HTTPException):
            return
        else:
            answered.set()

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(seconds)
    return answered.is_set()


def list_gpus() -> tuple[Gpu, ...]:
    """NVIDIA GPUs through NVML where its library is installed, otherwise through ``nvidia-smi``; none is no error."""
    try:
        import pynvml
    except ImportError:
        return _list_gpus_with_nvidia_smi()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return tuple(
            Gpu(
                name=str(pynvml.nvmlDeviceGetName(handle)),
                memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                compute_capability=tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle)),
            )
            for handle in handles
        )
    finally:
        pynvml.nvmlShutdown()


def _list_gpus_with_nvidia_smi() -> tuple[Gpu, ...]:
    query = ["nvidia-smi", "--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=NVIDIA_SMI_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse_nvidia_smi(answer.stdout)


def parse_nvidia_smi(text: str) -> tuple[Gpu, ...]:
    """Lines of ``name, MiB, major.minor``; a line that is not (a MIG parent, an error) is no GPU."""
    gpus = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.rsplit(",", 2)]
        try:
            name, mebibytes, capability = fields
            major, minor = capability.split(".")
            gpus.append(Gpu(name, int(mebibytes) * 1024 * 1024, (int(major), int(minor))))
        except ValueError:
            continue
    return tuple(gpus)
