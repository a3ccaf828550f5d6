"""A second engine is started only where there is memory for it."""

from pathlib import Path

import pytest

from inference.comparing.errors import MemoryTooLittleError
from inference.comparing.room import GIB, Need, choose_fraction, read_available_bytes, require_memory
from inference.metrics.types import GpuReading

NEED = Need("small", 8 * GIB, GIB)


def gpu(used_gib: float | None, index: int = 0) -> GpuReading:
    used = None if used_gib is None else int(used_gib * GIB)
    return GpuReading("GPU-1", index, "NVIDIA L40S", memory_total_bytes=45 * GIB, memory_used_bytes=used)


def test_available_memory_is_the_kernels_own_estimate(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  24684084 kB\nMemFree:  1 kB\nMemAvailable:  20480 kB\n")
    assert read_available_bytes(tmp_path / "meminfo") == 20 * 1024**2
    assert read_available_bytes() > 0


def test_engine_on_a_cpu_needs_weights_cache_and_two_gibibytes() -> None:
    require_memory(NEED, available_bytes=11 * GIB)
    with pytest.raises(MemoryTooLittleError, match=r"small needs about 11.0 GiB of memory, and 10.0 GiB are available"):
        require_memory(NEED, available_bytes=10 * GIB)


def test_engine_on_a_free_gpu_takes_what_the_settings_say() -> None:
    assert choose_fraction(NEED, (gpu(0.1),), wanted=0.8) == 0.8
    assert choose_fraction(NEED, (gpu(0.1),), wanted=None) == 0.9


def test_engine_beside_another_takes_what_is_left_on_the_fullest_gpu() -> None:
    assert choose_fraction(NEED, (gpu(10), gpu(22.5, 1)), wanted=None) == 0.43


def test_engine_without_room_beside_another_is_refused() -> None:
    with pytest.raises(MemoryTooLittleError) as refused:
        choose_fraction(NEED, (gpu(40.5),), wanted=None)
    assert "GPU 0 (NVIDIA L40S), and 4.5 of its 45.0 GiB are free. Stop what uses it" in str(refused.value)


def test_gpu_that_does_not_say_what_is_free_is_left_to_the_engine() -> None:
    assert choose_fraction(NEED, (gpu(None),), wanted=0.7) == 0.7
