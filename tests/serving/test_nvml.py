"""The real nvidia-ml-py, over a stand-in for NVIDIA's library: structures, strings, numbers, errors and events."""

import json
import subprocess
from typing import Any

import pytest

from tests.engines.launch import INFERENCE_PYTHON, ROOT


@pytest.fixture(scope="module")
def states() -> list[dict[str, Any]]:
    argv = [str(INFERENCE_PYTHON), "-P", "-m", "tests.serving.nvml_stand_in"]
    done = subprocess.run(
        argv, env={"PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    read: list[dict[str, Any]] = json.loads(done.stdout)
    return read


def test_what_the_library_says_becomes_a_reading(states: list[dict[str, Any]]) -> None:
    first = states[0]
    assert (first["driver_version"], first["problem"]) == ("580.95.05", "")
    assert first["gpus"][0] == {
        "uuid": "GPU-a", "index": 0, "name": "NVIDIA L4", "memory_total_bytes": 100, "memory_used_bytes": 40,
        "utilization_percent": 50.0, "memory_bandwidth_percent": 25.0, "power_watts": 70.5, "power_limit_watts": None,
        "energy_joules": 1099511627.776, "temperature_celsius": 61.0, "slowdown_celsius": None, "sm_clock_mhz": 2040,
        "sm_clock_max_mhz": None, "clock_event_reasons": ["sw_power_cap", "sw_thermal_slowdown"], "ecc_enabled": True,
        "ecc_corrected": 5, "ecc_uncorrected": 0, "xid_events": [],
    }  # fmt: skip


def test_card_that_falls_off_the_bus_is_named_with_its_xid(states: list[dict[str, Any]]) -> None:
    well, lost = states[1]["gpus"]
    assert (well["uuid"], well["xid_events"]) == ("GPU-a", [[43, 1]])
    assert (lost["uuid"], lost["xid_events"], lost["power_watts"]) == ("GPU-b", [[79, 1]], None)
    assert "GPU 1 is lost" in states[1]["problem"]
