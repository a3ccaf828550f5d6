"""What readings mean, in words: the state of a GPU, of its memory's checks, and whether the engine is saturated.

Pure functions. How busy a GPU is says nothing about saturation: what waits, and for what, does.
"""

from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from webapp.console.hardware.xids import CRITICAL, meaning_of, severity_of
from webapp.console.numbers import format_number
from webapp.hardware.types import EngineInfo, GpuInfo

Level = Literal["good", "information", "warning", "bad", "quiet"]
NEAR_SLOWDOWN_CELSIUS = 5.0
KV_NEARLY_FULL_PERCENT = 90.0
IDLE = "idle"
TOO_HOT = frozenset({"hw_thermal_slowdown", "sw_thermal_slowdown"})
CLOCK_REASONS: dict[str, Promise] = {
    IDLE: gettext_lazy("idle"),
    "applications_clocks_setting": gettext_lazy("a chosen clock"),
    "sw_power_cap": gettext_lazy("its power cap"),
    "hw_slowdown": gettext_lazy("the hardware"),
    "sync_boost": gettext_lazy("another GPU of its group"),
    "sw_thermal_slowdown": gettext_lazy("heat (driver)"),
    "hw_thermal_slowdown": gettext_lazy("heat (hardware)"),
    "hw_power_brake_slowdown": gettext_lazy("the power supply"),
    "display_clock_setting": gettext_lazy("the display's clock"),
}
WAITING_REASONS: dict[str, Promise] = {
    "capacity": gettext_lazy("waiting for room in the KV cache"),
    "deferred": gettext_lazy("put off for another reason"),
}


@dataclass(frozen=True)
class Said:
    """A sentence and how serious it is; never the colour alone."""

    level: Level
    text: str


def clock_reason(reason: str) -> str:
    """A reason that this release does not know is shown as the driver names it."""
    return str(CLOCK_REASONS.get(reason, reason.replace("_", " ")))


def waiting_reason(reason: str) -> str:
    known = WAITING_REASONS.get(reason)
    return str(known) if known else _("waiting: %(reason)s") % {"reason": reason.replace("_", " ")}


def say_purpose(engine: EngineInfo) -> str:
    """What an engine is for, where it is not what one expects."""
    return {"embedding": _("turns text into embeddings"), "reranking": _("ranks passages")}.get(engine.purpose, "")


def say_gpu_state(gpu: GpuInfo) -> Said:
    """The one thing to know first about a GPU, the most serious before the rest."""
    reasons = set(gpu.clock_event_reasons)
    critical = sorted(set(gpu.xid_counts) & CRITICAL)
    if not gpu.present:
        return Said("bad", _("missing: its host does not name it any more"))
    if critical:
        return Said("bad", _("failing: XID %(xid)s") % {"xid": critical[0]})
    if gpu.ecc_uncorrected:
        return Said("bad", _("memory errors that could not be corrected"))
    if reasons & TOO_HOT:
        return Said("bad", _("too hot: slowed down"))
    if "hw_power_brake_slowdown" in reasons:
        return Said("warning", _("slowed down: the power supply asked for it"))
    if "hw_slowdown" in reasons:
        return Said("warning", _("slowed down by the hardware"))
    if _is_near_slowdown(gpu):
        return Said("warning", _("close to the temperature at which it slows down"))
    if "sw_power_cap" in reasons:
        return Said("information", _("limited by its power cap"))
    if IDLE in reasons or gpu.utilization_percent == 0:
        return Said("quiet", _("idle"))
    return Said("good", _("at work")) if gpu.utilization_percent else Said("quiet", _("not known"))


def _is_near_slowdown(gpu: GpuInfo) -> bool:
    if gpu.temperature_celsius is None or gpu.slowdown_celsius is None:
        return False
    return gpu.temperature_celsius >= gpu.slowdown_celsius - NEAR_SLOWDOWN_CELSIUS


def say_ecc(gpu: GpuInfo) -> Said:
    """Whether the memory's error correction is on, and what it has met since the driver was loaded."""
    if gpu.ecc_enabled is None:
        return Said("quiet", _("not known"))
    if not gpu.ecc_enabled:
        return Said("quiet", _("switched off"))
    corrected, uncorrected = gpu.ecc_corrected or 0, gpu.ecc_uncorrected or 0
    if uncorrected:
        return Said("bad", ngettext("%(n)d not corrected", "%(n)d not corrected", uncorrected) % {"n": uncorrected})
    if corrected:
        return Said("information", ngettext("%(n)d corrected", "%(n)d corrected", corrected) % {"n": corrected})
    return Said("good", _("no errors"))


def say_xids(gpu: GpuInfo) -> list[Said]:
    """Each XID since the proxy started, the most serious first; empty when there was none."""
    order = ("bad", "warning", "information")
    ranked = sorted(gpu.xid_counts, key=lambda xid: (order.index(severity_of(xid)), xid))
    return [Said(severity_of(xid), say_xid(xid, gpu.xid_counts[xid])) for xid in ranked]


def say_xid(xid: int, count: int) -> str:
    times = "" if count == 1 else ngettext(" (%(n)d time)", " (%(n)d times)", count) % {"n": count}
    return _("XID %(xid)s%(times)s: %(meaning)s") % {"xid": xid, "times": times, "meaning": meaning_of(xid)}


def say_saturation(engine: EngineInfo) -> Said:
    """Whether the engine has room for more, from its queue by reason, its KV cache and its preemptions."""
    waiting = dict(engine.waiting_by_reason)
    for_room, others = waiting.pop("capacity", 0.0), sum(waiting.values())
    kv_is_full = engine.kv_cache_percent is not None and engine.kv_cache_percent >= KV_NEARLY_FULL_PERCENT
    if for_room and (kv_is_full or engine.preemptions_per_minute):
        return Said("bad", _("Saturated: %(requests)s for room in a full KV cache.") % {"requests": _wait(for_room)})
    if for_room:
        return Said("warning", _("Nearly saturated: %(requests)s for room.") % {"requests": _wait(for_room)})
    if engine.preemptions_per_minute:
        return Said("warning", _("Answers are pushed out of the KV cache and computed again; nothing waits for room."))
    if others or (not engine.waiting_by_reason and engine.waiting):
        return Said(
            "information", _("Not saturated, but %(requests)s.") % {"requests": _wait(others or engine.waiting)}
        )
    if kv_is_full:
        return Said("warning", _("The KV cache is nearly full; nothing waits yet."))
    if engine.running is None:
        return Said("quiet", _("Not known: the engine does not say how many requests it has."))
    if engine.running:
        return Said("good", _("Not saturated: nothing waits."))
    return Said("quiet", _("Idle: no requests."))


def _wait(count: float | None) -> str:
    whole = round(count or 0)
    return ngettext("%(n)s request waits", "%(n)s requests wait", whole) % {"n": format_number(whole)}
