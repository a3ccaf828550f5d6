"""A reading in Prometheus's text format. Names are those of the fields, so that JSON, pages and metrics share words.

What is not known is left out: an absent series is "not known here", and never zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from inference.metrics.merging import LABEL
from inference.metrics.types import GpuReading, HostReading

Sample = tuple[dict[str, str], float]


@dataclass(frozen=True)
class Metric:
    """``field`` is the attribute of a GPU's reading that it shows; empty for what is no field alone."""

    name: str
    kind: str
    help: str
    field: str = ""


PREFIX = "appliance_gpu_"
FIELDS = (
    Metric(f"{PREFIX}memory_total_bytes", "gauge", "Memory of the GPU.", "memory_total_bytes"),
    Metric(f"{PREFIX}memory_used_bytes", "gauge", "Memory of the GPU in use.", "memory_used_bytes"),
    Metric(f"{PREFIX}utilization_percent", "gauge", "Share of the time in which something ran; not saturation.",
           "utilization_percent"),
    Metric(f"{PREFIX}memory_bandwidth_percent", "gauge", "Share of the time in which memory was read or written.",
           "memory_bandwidth_percent"),
    Metric(f"{PREFIX}power_watts", "gauge", "Power that the GPU draws.", "power_watts"),
    Metric(f"{PREFIX}power_limit_watts", "gauge", "Power that the GPU may draw.", "power_limit_watts"),
    Metric(f"{PREFIX}energy_joules_total", "counter", "Energy since the driver was loaded.", "energy_joules"),
    Metric(f"{PREFIX}temperature_celsius", "gauge", "Temperature of the GPU.", "temperature_celsius"),
    Metric(f"{PREFIX}slowdown_celsius", "gauge", "Temperature at which the GPU slows itself down.",
           "slowdown_celsius"),
    Metric(f"{PREFIX}sm_clock_mhz", "gauge", "Clock of the processors.", "sm_clock_mhz"),
    Metric(f"{PREFIX}sm_clock_max_mhz", "gauge", "Highest clock of the processors.", "sm_clock_max_mhz"),
    Metric(f"{PREFIX}ecc_enabled", "gauge", "Whether memory errors are corrected.", "ecc_enabled"),
    Metric(f"{PREFIX}ecc_corrected_total", "counter", "Memory errors corrected since the driver was loaded.",
           "ecc_corrected"),
    Metric(f"{PREFIX}ecc_uncorrected_total", "counter", "Memory errors not corrected since the driver was loaded.",
           "ecc_uncorrected"),
)  # fmt: skip
GPU = Metric(f"{PREFIX}info", "gauge", "1 for each GPU, with its name and place.")
CLOCK_EVENT = Metric(f"{PREFIX}clock_event", "gauge", "1 for each reason for which the clock is below its highest now.")
XID_EVENTS = Metric(f"{PREFIX}xid_events_total", "counter", "XIDs that the driver reported since the proxy started.")
PROBLEM = Metric(f"{PREFIX}problem", "gauge", "1 when GPUs could not be read; GET /hardware says why.")
SOURCE = Metric("appliance_readings_info", "gauge", "1, with where the readings come from: nvml is the hardware.")
ENGINE_UP = Metric("appliance_engine_up", "gauge", "Whether the engine serves its metrics.")
RESTARTS = Metric("appliance_engine_restarts_total", "counter",
                  "How often an engine ended and was to be started again, by reason.")  # fmt: skip
OPEN_REQUESTS = Metric("appliance_proxy_open_requests", "gauge", "Requests that the proxy passes on at this moment.")
METRICS = (SOURCE, PROBLEM, GPU, *FIELDS, CLOCK_EVENT, XID_EVENTS, ENGINE_UP, RESTARTS, OPEN_REQUESTS)


def render_host(reading: HostReading, *, open_requests: int, has_engine: bool = True) -> str:
    """Readings that come from a file carry their source as a label, so that no series of theirs passes for hardware."""
    marked = {} if reading.source == "nvml" else {"source": reading.source}
    samples: dict[Metric, list[Sample]] = {
        SOURCE: [({"host": reading.host, "source": reading.source}, 1)],
        PROBLEM: [(marked, bool(reading.gpu_problem))],
        ENGINE_UP: _list_engines_up(reading, has_engine=has_engine),
        OPEN_REQUESTS: [({}, open_requests)],
    }
    latest = {event.engine: event.restarts for event in reading.engine_events}
    for engine, restarts in latest.items():
        for reason, count in restarts.items():
            samples.setdefault(RESTARTS, []).append(({"engine": engine, "reason": reason}, count))
    for gpu in reading.gpus:
        for metric, labels, value in _sample_gpu(gpu, reading.driver_version or ""):
            samples.setdefault(metric, []).append(({**labels, **marked}, value))
    return "".join(_render(metric, samples[metric]) for metric in METRICS if samples.get(metric))


def _list_engines_up(reading: HostReading, *, has_engine: bool) -> list[Sample]:
    """One engine alone needs no label; of several each says who it is, as their own metrics do."""
    further = [each for each in reading.engines if each.name != "model"]
    if not further:
        return [({}, reading.engine is not None)] if has_engine else []
    main: list[Sample] = [({LABEL: "engine"}, reading.engine is not None)] if has_engine else []
    return [*main, *(({LABEL: f"engine-{each.name}"}, each.reading is not None) for each in further)]


def _sample_gpu(gpu: GpuReading, driver: str) -> Iterator[tuple[Metric, dict[str, str], float]]:
    who = {"gpu_uuid": gpu.uuid}
    yield GPU, {**who, "gpu_index": str(gpu.index), "gpu_name": gpu.name, "driver_version": driver}, 1
    for metric in FIELDS:
        value = getattr(gpu, metric.field)
        if value is not None:
            yield metric, who, value
    for reason in gpu.clock_event_reasons:
        yield CLOCK_EVENT, {**who, "reason": reason}, 1
    for xid, count in gpu.xid_events:
        yield XID_EVENTS, {**who, "xid": str(xid)}, count


def _render(metric: Metric, samples: list[Sample]) -> str:
    head = f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
    return head + "".join(
        f"{metric.name}{_render_labels(labels)} {_render_value(value)}\n" for labels, value in samples
    )


def _render_labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _render_value(value: float) -> str:
    return str(int(value)) if isinstance(value, bool) or float(value).is_integer() else repr(float(value))
