"""What readings mean in words, the most serious first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from webapp.console.hardware.figures import Subject
from webapp.console.hardware.incidents import list_incidents
from webapp.console.hardware.tables import harmless
from webapp.console.hardware.words import (
    clock_reason,
    say_ecc,
    say_gpu_state,
    say_saturation,
    say_xids,
    waiting_reason,
)
from webapp.console.hardware.xids import severity_of
from webapp.console.numbers import format_gib, format_measure, format_number, say_duration
from webapp.hardware.types import EngineInfo, GpuInfo, HostInfo, Point, SeriesKey

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
GPU = GpuInfo(
    id=1, host_id=1, uuid="GPU-1", index=0, name="card", taken_at=NOON, present=True, memory_total_bytes=2**35,
    utilization_percent=50.0, temperature_celsius=60.0, slowdown_celsius=92.0, ecc_enabled=True, ecc_corrected=0,
    ecc_uncorrected=0,
)  # fmt: skip
ENGINE = EngineInfo(host_id=1, model_name="m", taken_at=NOON, running=0.0, waiting=0.0, kv_cache_percent=10.0)


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({}, "good", "at work"),
        ({"utilization_percent": 0.0}, "quiet", "idle"),
        ({"clock_event_reasons": ("idle",)}, "quiet", "idle"),
        ({"utilization_percent": None}, "quiet", "not known"),
        ({"clock_event_reasons": ("sw_power_cap",)}, "information", "limited by its power cap"),
        ({"clock_event_reasons": ("hw_thermal_slowdown", "sw_power_cap")}, "bad", "too hot: slowed down"),
        ({"clock_event_reasons": ("sw_thermal_slowdown",)}, "bad", "too hot: slowed down"),
        ({"clock_event_reasons": ("hw_slowdown",)}, "warning", "slowed down by the hardware"),
        ({"temperature_celsius": 87.0}, "warning", "close to the temperature at which it slows down"),
        ({"ecc_uncorrected": 1}, "bad", "memory errors that could not be corrected"),
        ({"xid_counts": {79: 1}}, "bad", "failing: XID 79"),
        ({"xid_counts": {13: 4, 94: 1}}, "good", "at work"),
        ({"present": False, "xid_counts": {79: 1}}, "bad", "missing: its host does not name it any more"),
    ],
)
def test_state_of_a_gpu_is_its_most_serious(changes: dict[str, Any], level: str, text: str) -> None:
    said = say_gpu_state(replace(GPU, **changes))
    assert (said.level, said.text) == (level, text)


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({}, "quiet", "Idle: no requests."),
        ({"running": None}, "quiet", "Not known: the engine does not say how many requests it has."),
        ({"running": 3.0}, "good", "Not saturated: nothing waits."),
        ({"running": 3.0, "waiting_by_reason": {"capacity": 0.0, "deferred": 0.0}}, "good",
         "Not saturated: nothing waits."),
        ({"waiting_by_reason": {"capacity": 1.0}}, "warning", "Nearly saturated: 1 request waits for room."),
        ({"waiting_by_reason": {"capacity": 5.0}, "kv_cache_percent": 97.0}, "bad",
         "Saturated: 5 requests wait for room in a full KV cache."),
        ({"waiting_by_reason": {"capacity": 5.0}, "preemptions_per_minute": 2.0}, "bad",
         "Saturated: 5 requests wait for room in a full KV cache."),
        ({"preemptions_per_minute": 2.0}, "warning",
         "Answers are pushed out of the KV cache and computed again; nothing waits for room."),
        ({"waiting_by_reason": {"deferred": 2.0}}, "information", "Not saturated, but 2 requests wait."),
        ({"waiting": 2.0}, "information", "Not saturated, but 2 requests wait."),
        ({"running": 3.0, "kv_cache_percent": 93.0}, "warning", "The KV cache is nearly full; nothing waits yet."),
    ],
)  # fmt: skip
def test_saturation_is_said_from_queue_cache_and_preemptions(changes: dict[str, Any], level: str, text: str) -> None:
    said = say_saturation(replace(ENGINE, **changes))
    assert (said.level, said.text) == (level, text)


def test_busy_gpu_says_nothing_about_saturation() -> None:
    assert say_saturation(replace(ENGINE, running=1.0)).level == "good"
    assert say_gpu_state(replace(GPU, utilization_percent=100.0)).text == "at work"


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({}, "good", "no errors"),
        ({"ecc_corrected": 7}, "information", "7 corrected"),
        ({"ecc_corrected": 7, "ecc_uncorrected": 1}, "bad", "1 not corrected"),
        ({"ecc_enabled": False}, "quiet", "switched off"),
        ({"ecc_enabled": None, "ecc_corrected": None}, "quiet", "not known"),
    ],
)
def test_memory_checks_in_words(changes: dict[str, Any], level: str, text: str) -> None:
    said = say_ecc(replace(GPU, **changes))
    assert (said.level, said.text) == (level, text)


def test_xids_have_the_severity_of_who_caused_them() -> None:
    assert {xid for xid in range(1, 200) if severity_of(xid) == "bad"} == {48, 62, 64, 74, 79, 95, 119, 120}
    assert {xid for xid in range(1, 200) if severity_of(xid) == "information"} == {13, 31, 43}
    assert severity_of(94) == severity_of(172) == "warning"


def test_xids_are_listed_most_serious_first() -> None:
    said = say_xids(replace(GPU, xid_counts={13: 1, 79: 2, 172: 1}))
    assert [each.level for each in said] == ["bad", "warning", "information"]
    assert said[0].text == "XID 79 (2 times): the GPU is not reachable on its bus any more"
    assert "look it up" in said[1].text


def test_reason_that_this_release_does_not_know_is_shown_as_it_is_named() -> None:
    assert clock_reason("quantum_flux") == "quantum flux"
    assert waiting_reason("lora_slots") == "waiting: lora slots"


def point(minute: int, count: float) -> Point:
    return Point(NOON + timedelta(minutes=minute), count, count, count)


def test_incident_has_the_time_of_the_reading_that_showed_it_first() -> None:
    series = {
        SeriesKey(1, "power_watts"): [point(0, 100), point(1, 100), point(2, 100), point(3, 100)],
        SeriesKey(1, "ecc_corrected"): [point(0, 5), point(1, 5), point(2, 8), point(3, 8)],
        SeriesKey(1, "xid:79"): [point(3, 1)],
    }
    found = list_incidents([Subject(1, "GPU 0")], series)
    assert [(incident.at, incident.level) for incident in found] == [
        (NOON + timedelta(minutes=3), "bad"),
        (NOON + timedelta(minutes=2), "information"),
        (None, "information"),
    ]
    assert found[1].text == "3 memory errors corrected"


def test_count_that_begins_anew_counts_from_nothing() -> None:
    series = {SeriesKey(1, "ecc_uncorrected"): [point(0, 5), point(1, 2), point(2, 2)]}
    found = list_incidents([Subject(1, "GPU 0")], series)
    assert [incident.text for incident in found if incident.at] == ["2 memory errors not corrected"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 seconds"), (1.9, "1 second"), (59.9, "59 seconds"), (60, "1 minute"), (3599, "59 minutes"),
     (3600, "1 hour"), (2 * 86400 - 1, "47 hours"), (2 * 86400, "2 days")],
)  # fmt: skip
def test_duration_is_in_its_largest_unit(seconds: float, text: str) -> None:
    assert say_duration(seconds) == text


def test_numbers_in_words() -> None:
    assert format_number(-0.2) == "0"
    assert format_number(1234567.891, 1) == "1,234,567.9"
    assert format_measure(None, "W") == "not known"
    assert format_measure(0.0, "W") == "0\u00a0W"
    assert format_gib(3 * 2**29) == "1.5\u00a0GiB"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_compute_is_made_harmless(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless("GPU 0") == "GPU 0"


@pytest.mark.parametrize(("taken", "received", "age"), [(-10, -4, 10), (30, -4, 4), (-300, -1, 300), (5, 5, 0)])
def test_age_is_by_the_clock_that_says_more_and_never_negative(taken: int, received: int, age: float) -> None:
    host = HostInfo(
        id=1, name="h", base_url="u", taken_at=NOON + timedelta(seconds=taken),
        received_at=NOON + timedelta(seconds=received),
    )  # fmt: skip
    assert host.age_seconds(NOON) == age


def test_host_without_a_reading_is_stale() -> None:
    host = HostInfo(id=1, name="h", base_url="u")
    assert (host.age_seconds(NOON), host.is_stale(NOON)) == (None, True)
