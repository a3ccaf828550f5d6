"""The numbers at the top: one tile for each GPU, and one for each engine."""

from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from webapp.console.hardware.words import (
    IDLE,
    Said,
    clock_reason,
    say_ecc,
    say_gpu_state,
    say_purpose,
    say_saturation,
    say_xids,
    waiting_reason,
)
from webapp.console.numbers import format_gib, format_measure, format_number
from webapp.hardware.types import EngineInfo, GpuInfo


@dataclass(frozen=True)
class Measure:
    """A figure of a tile: its name, its value in words, and the share of its limit in per cent, if it has one."""

    name: str
    value: str
    of: str = ""
    share: float | None = None


@dataclass(frozen=True)
class GpuTile:
    """``is_past``: this is how it was, not how it is."""

    label: str
    name: str
    uuid: str
    is_past: bool
    state: Said
    measures: tuple[Measure, ...]
    clocks: str
    ecc: Said
    xids: tuple[Said, ...]


@dataclass(frozen=True)
class EngineTile:
    """The engine's queue, cache and speed."""

    label: str
    model_name: str
    is_past: bool
    saturation: Said
    measures: tuple[Measure, ...]


def build_gpu_tile(gpu: GpuInfo, label: str, *, is_past: bool) -> GpuTile:
    limited = [clock_reason(reason) for reason in gpu.clock_event_reasons if reason != IDLE]
    return GpuTile(
        label=label,
        name=gpu.name,
        uuid=gpu.uuid,
        is_past=is_past,
        state=say_gpu_state(gpu),
        measures=(
            Measure(_("Utilisation"), format_measure(gpu.utilization_percent, "%"), share=gpu.utilization_percent),
            _of_limit(
                _("Memory"), gpu.memory_used_bytes, gpu.memory_total_bytes, format_gib(gpu.memory_used_bytes),
                format_gib(gpu.memory_total_bytes),
            ),
            _of_limit(
                _("Power"), gpu.power_watts, gpu.power_limit_watts, format_measure(gpu.power_watts, "W"),
                format_measure(gpu.power_limit_watts, "W"),
            ),
            _of_limit(
                _("Temperature"), gpu.temperature_celsius, gpu.slowdown_celsius,
                format_measure(gpu.temperature_celsius, "°C"), format_measure(gpu.slowdown_celsius, "°C"),
            ),
            _of_limit(
                _("Clock"), gpu.sm_clock_mhz, gpu.sm_clock_max_mhz,
                format_measure(gpu.sm_clock_mhz, "" if gpu.sm_clock_max_mhz else "MHz"),
                format_measure(gpu.sm_clock_max_mhz, "MHz"),
            ),
        ),
        clocks=", ".join(limited) or _("nothing"),
        ecc=say_ecc(gpu),
        xids=tuple(say_xids(gpu)),
    )  # fmt: skip


def _of_limit(name: str, value: float | None, limit: float | None, said: str, said_limit: str) -> Measure:
    if value is None or not limit:
        return Measure(name, said)
    return Measure(name, said, of=said_limit, share=min(100.0, 100 * value / limit))


def build_engine_tile(engine: EngineInfo, label: str, *, is_past: bool) -> EngineTile:
    waits = [
        Measure(capfirst(waiting_reason(reason)), format_number(count))
        for reason, count in sorted(engine.waiting_by_reason.items())
    ]
    if not waits:
        waits = [Measure(_("Waiting"), _or_unknown(engine.waiting))]
    room = Measure(_("KV cache"), format_measure(engine.kv_cache_percent, "%"), share=engine.kv_cache_percent)
    read = Measure(_("Read"), format_measure(engine.prompt_tokens_per_second, _("tokens/s"), 1))
    written: tuple[Measure, ...] = ()
    if engine.purpose == "generation":
        written = (
            room,
            Measure(_("Written"), format_measure(engine.generation_tokens_per_second, _("tokens/s"), 1)),
            read,
            Measure(_("First token after"), format_measure(engine.time_to_first_token_seconds, "s", 2)),
            Measure(_("Preemptions"), format_measure(engine.preemptions_per_minute, _("a minute"), 1)),
            Measure(_("Prefix cache hits"), format_measure(engine.prefix_hit_percent, "%")),
        )
    return EngineTile(
        label=", ".join(part for part in (say_purpose(engine), label) if part),
        model_name=engine.model_name,
        is_past=is_past,
        saturation=say_saturation(engine),
        measures=(
            Measure(_("Running"), _or_unknown(engine.running)),
            *waits,
            *(written or (read,)),
        ),
    )


def _or_unknown(value: float | None) -> str:
    return _("not known") if value is None else format_number(value)
