"""A reading in Prometheus's text format."""

import re
from dataclasses import fields

import pytest

from inference.metrics.parse import iterate_samples
from inference.metrics.prometheus import FIELDS, METRICS, render_host
from inference.metrics.types import EngineEvent, EngineReading, GpuReading, HostReading
from tests.unit.inference.metrics.fixtures import NAMES, read

SHOWN_OTHERWISE = {"uuid", "index", "name", "clock_event_reasons", "xid_events"}
LITTLE = GpuReading("GPU-a", 0, 'Odd "card" \\ 1', 100, temperature_celsius=41.5, xid_events=((79, 2),))


def test_text_is_whole() -> None:
    reading = HostReading("gpu-1", "2026-01-02T03:04:05+00:00", driver_version="580", gpus=(LITTLE,))
    assert render_host(reading, open_requests=3) == (
        "# HELP appliance_readings_info 1, with where the readings come from: nvml is the hardware.\n"
        "# TYPE appliance_readings_info gauge\n"
        'appliance_readings_info{host="gpu-1",source="nvml"} 1\n'
        "# HELP appliance_gpu_problem 1 when GPUs could not be read; GET /hardware says why.\n"
        "# TYPE appliance_gpu_problem gauge\n"
        "appliance_gpu_problem 0\n"
        "# HELP appliance_gpu_info 1 for each GPU, with its name and place.\n"
        "# TYPE appliance_gpu_info gauge\n"
        'appliance_gpu_info{gpu_uuid="GPU-a",gpu_index="0",gpu_name="Odd \\"card\\" \\\\ 1",driver_version="580"} 1\n'
        "# HELP appliance_gpu_memory_total_bytes Memory of the GPU.\n"
        "# TYPE appliance_gpu_memory_total_bytes gauge\n"
        'appliance_gpu_memory_total_bytes{gpu_uuid="GPU-a"} 100\n'
        "# HELP appliance_gpu_temperature_celsius Temperature of the GPU.\n"
        "# TYPE appliance_gpu_temperature_celsius gauge\n"
        'appliance_gpu_temperature_celsius{gpu_uuid="GPU-a"} 41.5\n'
        "# HELP appliance_gpu_xid_events_total XIDs that the driver reported since the proxy started.\n"
        "# TYPE appliance_gpu_xid_events_total counter\n"
        'appliance_gpu_xid_events_total{gpu_uuid="GPU-a",xid="79"} 2\n'
        "# HELP appliance_engine_up Whether the engine serves its metrics.\n"
        "# TYPE appliance_engine_up gauge\n"
        "appliance_engine_up 0\n"
        "# HELP appliance_proxy_open_requests Requests that the proxy passes on at this moment.\n"
        "# TYPE appliance_proxy_open_requests gauge\n"
        "appliance_proxy_open_requests 3\n"
    )


@pytest.mark.parametrize("name", NAMES)
def test_readings_from_a_file_are_marked_in_every_series_of_the_hardware(name: str) -> None:
    state = read(name)
    text = render_host(HostReading("h", "t", "authored", gpus=state.gpus, gpu_problem=state.problem), open_requests=0)
    series = [(name, labels) for name, labels, _ in iterate_samples(text) if name.startswith("appliance_gpu")]
    assert series
    assert {labels.get("source") for _, labels in series} == {"authored"}


def test_engine_is_up_where_there_is_one_and_not_said_where_none_is_meant_to_be() -> None:
    reading = HostReading("h", "t", engine=EngineReading("m"))
    assert "\nappliance_engine_up 1\n" in render_host(reading, open_requests=0)
    assert "appliance_engine_up" not in render_host(reading, open_requests=0, has_engine=False)


def test_every_field_of_a_reading_is_a_metric() -> None:
    assert {metric.field for metric in FIELDS} == {field.name for field in fields(GpuReading)} - SHOWN_OTHERWISE


def test_names_are_as_prometheus_wants_them() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    for metric in METRICS:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.help.endswith(".")


def test_restarts_are_counted_by_engine_and_reason_of_the_last_event() -> None:
    events = (
        EngineEvent("1", "t", "engine", "engine_ended", restarts={"wedged": 1}),
        EngineEvent("2", "t", "engine-small", "engine_ready", restarts={}),
        EngineEvent("3", "t", "engine", "engine_ended", restarts={"wedged": 1, "crashed": 2}),
    )
    text = render_host(HostReading("h", "t", engine_events=events), open_requests=0)
    assert [line for line in text.splitlines() if line.startswith("appliance_engine_restarts_total")] == [
        'appliance_engine_restarts_total{engine="engine",reason="wedged"} 1',
        'appliance_engine_restarts_total{engine="engine",reason="crashed"} 2',
    ]
