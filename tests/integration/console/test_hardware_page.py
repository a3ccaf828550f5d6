"""The GPU page in each of its states, and the rows behind its figures."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from inference.metrics.types import EngineEvent
from tests.hardware.readings import CALM, ENGINE, HOT, build_reading, grow
from webapp.console.hardware.figures import FIGURES
from webapp.console.ranges import RANGES
from webapp.hardware import api as hardware
from webapp.hardware.models import GpuSample
from webapp.hardware.services import storing
from webapp.llm.services import endpoints

Store = Callable[..., None]
Age = Callable[[timedelta], None]
pytestmark = pytest.mark.django_db


def show(page: Client, address: str = "/console/hardware", **headers: str) -> str:
    response = page.get(address, headers=headers)
    assert response.status_code == 200
    return re.sub(r"[ \n]+", " ", response.content.decode())


def find_tag(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    assert match, pattern
    return match.group(0)


def test_console_leads_to_it(administrator_page: Client) -> None:
    response = administrator_page.get("/console/")
    assert (response.status_code, response["Location"]) == (302, "/console/hardware")


def test_page_says_what_each_gpu_does(administrator_page: Client, minute_of_readings: None) -> None:
    text = show(administrator_page)
    assert "NVIDIA L40S" in text
    assert "at work" in text
    assert "too hot: slowed down" in text
    assert "of 45.0\u00a0GiB" in text
    assert "of 350\u00a0W" in text
    assert "heat (hardware), its power cap" in text
    assert "XID 94 (2 times): a memory error that was contained" in text
    assert "3 corrected" in text
    for figure in FIGURES.values():
        assert str(figure.title) in text


def test_page_says_whether_the_engine_is_saturated(administrator_page: Client, minute_of_readings: None) -> None:
    text = show(administrator_page)
    assert "Nearly saturated: 2 requests wait for room." in text
    assert "Waiting for room in the KV cache" in text
    assert "40.0\u00a0tokens/s" in text
    assert "authored-model" in text


def test_limits_are_drawn_into_the_charts_they_limit(administrator_page: Client, minute_of_readings: None) -> None:
    text = show(administrator_page)
    for label in ("Power limit 350 W", "Slows down at 92 °C", "Total 45.0 GiB", "Full: 100 %"):
        assert f">{label}</text>" in text


def test_measured_and_fresh_readings_are_live(administrator_page: Client, store: Store, now: datetime) -> None:
    store(build_reading(now, CALM, source="nvml"))
    text = show(administrator_page)
    tag = find_tag(text, r"<div class=\"freshness[^>]*>")
    assert 'data-live="yes"' in tag
    assert "is-stale" not in tag
    assert re.search(r'data-age="\d\.\d"', tag)
    assert re.search(r"Last reading:.*?[2-9] seconds ago", text)
    assert "authored" not in text.replace("authored-model", "")


@pytest.mark.parametrize("source", ["authored", "recorded"])
def test_readings_of_a_file_carry_a_banner_and_are_never_live(
    administrator_page: Client, store: Store, now: datetime, source: str
) -> None:
    store(build_reading(now, CALM, source=source))
    text = show(administrator_page)
    assert f"These GPU readings are {source}." in text
    assert 'data-live="no"' in text


def test_old_readings_are_past_on_the_whole_page(
    administrator_page: Client, minute_of_readings: None, age_everything: Age
) -> None:
    age_everything(timedelta(minutes=4))
    for address in ("/console/hardware", "/console/hardware/busy"):
        text = show(administrator_page, address)
        tag = find_tag(text, r"<div class=\"freshness[^>]*>")
        assert "is-stale" in tag
        assert 'data-live="no"' in tag
        assert "4 minutes ago" in text
        assert not re.search(r"data-stale-notice[^>]* hidden", text)
    text = show(administrator_page)
    assert text.count("was: ") == 3
    assert '<span class="badge good">' not in text
    assert '<span class="badge bad">' not in text


def test_reading_that_is_handed_out_again_gets_old(administrator_page: Client, store: Store, now: datetime) -> None:
    at = now - timedelta(minutes=10)
    store(build_reading(at, CALM, source="nvml"))
    reading = build_reading(at, CALM, source="nvml")
    store(reading, received_at=timezone.now())
    text = show(administrator_page)
    assert "10 minutes ago" in text
    assert 'data-live="no"' in text


def test_one_stale_host_of_two_is_said(administrator_page: Client, store: Store, now: datetime) -> None:
    store(build_reading(now, CALM, source="nvml"))
    other = build_reading(now - timedelta(minutes=9), HOT, host="gpu-2", source="nvml")
    store(other, url="http://gpu-2.example")
    text = show(administrator_page)
    assert "gpu-2: 9 minutes ago" in text
    assert "gpu-1, GPU 0" in text
    assert 'data-live="no"' in text
    assert "was: too hot: slowed down" in text
    assert '<span class="badge good">at work</span>' in text


def test_no_model_registered_says_what_to_do(administrator_page: Client) -> None:
    assert "No model is registered yet" in show(administrator_page)


def test_nothing_collected_yet_is_said_and_renews_itself(administrator_page: Client, store: Store) -> None:
    text = show(administrator_page)
    assert "Nothing has been collected yet" in text
    assert 'hx-trigger="every 15s"' in text


def test_host_that_never_answered_is_named_with_the_reason(administrator_page: Client, store: Store) -> None:
    storing.note_problem("http://gpu-1.example:8406", "nothing answers at the model's address", timezone.now())
    text = show(administrator_page)
    assert "could not be read." in text
    assert "Nothing answers at the model&#x27;s address" in text
    assert "It has never given a reading." in text
    assert 'Last reading: <strong class="number" data-age-text>never</strong>' in text
    assert 'data-live="no"' in text


def test_host_without_a_gpu_says_so_and_shows_its_engine(
    administrator_page: Client, store: Store, now: datetime
) -> None:
    for number in range(2):
        at = now - timedelta(seconds=15 * (1 - number))
        store(build_reading(at, engine=grow(ENGINE, generation=300 * number), gpu_problem="no NVIDIA driver here"))
    text = show(administrator_page)
    assert "No GPU readings of gpu-1." in text
    assert "no NVIDIA driver here" in text
    assert "How fast does it write?" in text
    assert "Are the GPUs busy?" not in text
    assert "20.0\u00a0tokens/s" in text


def test_card_in_trouble_beside_a_healthy_one_is_said(administrator_page: Client, store: Store, now: datetime) -> None:
    store(build_reading(now, CALM, gpu_problem="GPU 1 needs a reset before it can be used again."))
    text = show(administrator_page)
    assert "Not every GPU of gpu-1 could be read." in text
    assert "GPU 1 needs a reset" in text
    assert "No GPU readings" not in text


def test_engine_that_does_not_answer_is_said_and_its_last_state_is_past(
    administrator_page: Client, store: Store, now: datetime
) -> None:
    store(build_reading(now - timedelta(seconds=15), CALM))
    store(build_reading(now, CALM, engine=None, engine_problem="the engine does not answer"))
    text = show(administrator_page)
    assert "No metrics of the engine on gpu-1." in text
    assert "was: Nearly saturated" in text


def test_difference_of_clocks_is_said(administrator_page: Client, store: Store, now: datetime) -> None:
    store(build_reading(now + timedelta(seconds=90), CALM), received_at=now)
    assert "Its clock is 1 minute ahead of ours" in show(administrator_page)


def test_lost_card_is_missing(administrator_page: Client, store: Store, now: datetime) -> None:
    store(build_reading(now - timedelta(seconds=15), CALM, HOT))
    store(build_reading(now, CALM))
    assert "missing: its host does not name it any more" in show(administrator_page)


def test_errors_are_listed_when_they_were_first_seen(administrator_page: Client, store: Store, now: datetime) -> None:
    store(build_reading(now - timedelta(seconds=30), CALM))
    store(build_reading(now - timedelta(seconds=15), replace(CALM, xid_events=((79, 1),))))
    store(build_reading(now, replace(CALM, xid_events=((79, 3),), ecc_corrected=2)))
    text = show(administrator_page)
    assert "XID 79 (2 times): the GPU is not reachable on its bus any more" in text
    assert "XID 79: the GPU is not reachable on its bus any more" in text
    assert "2 memory errors corrected" in text
    assert "before this time" not in text


def test_htmx_gets_the_readings_alone(administrator_page: Client, minute_of_readings: None) -> None:
    text = show(administrator_page, "/console/hardware?range=6h", **{"HX-Request": "true"})
    assert text.startswith(' <div id="readings"')
    assert "<html" not in text
    assert 'hx-get="/console/hardware?range=6h"' in text


@pytest.mark.parametrize("key", RANGES)
def test_range_stays_in_the_addresses_of_the_page(
    administrator_page: Client, minute_of_readings: None, key: str
) -> None:
    hardware.maintain()
    text = show(administrator_page, f"/console/hardware?range={key}")
    assert re.search(rf'href="\?range={key}" aria-current="true"', text)
    assert f"/console/hardware/busy.csv?range={key}" in text
    assert "M" in find_tag(text, r'<path class="(?:line|dots) series-1"[^>]* d="([^"]+)"')


@pytest.mark.parametrize("address", ["/console/hardware", "/console/hardware/busy", "/console/hardware/busy.csv"])
@pytest.mark.parametrize("word", ["", "2h", "1h'--", "../7d"])
def test_unknown_range_is_refused(administrator_page: Client, address: str, word: str) -> None:
    assert administrator_page.get(address, {"range": word}).status_code == 400


@pytest.mark.parametrize("address", ["/console/hardware/nothing", "/console/hardware/nothing.csv"])
def test_unknown_figure_is_not_there(administrator_page: Client, address: str) -> None:
    assert administrator_page.get(address).status_code == 404


def test_rows_behind_a_figure_are_a_table(administrator_page: Client, minute_of_readings: None) -> None:
    text = show(administrator_page, "/console/hardware/busy?range=15m")
    assert text.count("<tr>") == 11
    assert re.search(r"GPU 0</td><td class=\"amount\">64</td>", text)


@pytest.mark.parametrize("slug", FIGURES)
def test_every_figure_has_its_page(administrator_page: Client, minute_of_readings: None, slug: str) -> None:
    assert str(FIGURES[slug].title) in show(administrator_page, f"/console/hardware/{slug}")


def test_csv_has_every_row_in_utc(administrator_page: Client, minute_of_readings: None, now: datetime) -> None:
    response = administrator_page.get("/console/hardware/busy.csv?range=15m")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="busy-15m.csv"'
    rows = list(csv.reader(io.StringIO(response.content.decode())))
    assert rows[0] == ["time_utc", "series", "mean", "lowest", "highest", "unit"]
    assert len(rows) == 11
    assert rows[-2] == [now.isoformat(timespec="seconds"), "GPU 0", "64", "64", "64", "%"]


def test_name_from_a_host_is_no_formula_in_a_spreadsheet(
    administrator_page: Client, store: Store, now: datetime
) -> None:
    store(build_reading(now, CALM))
    evil = build_reading(now, HOT, host='=HYPERLINK("http://elsewhere.example")')
    store(evil, url="http://gpu-2.example")
    text = administrator_page.get("/console/hardware/busy.csv").content.decode()
    cells = [row[1] for row in csv.reader(io.StringIO(text))][1:]
    assert len(cells) == 2
    assert not any(cell.startswith("=") for cell in cells)


def test_name_from_a_host_is_text_on_the_page(administrator_page: Client, store: Store, now: datetime) -> None:
    store(build_reading(now, replace(CALM, name="<script>alert(1)</script>"), host="<b>gpu</b>"))
    text = show(administrator_page)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_page_asks_the_database_a_few_times_only(
    administrator_page: Client, minute_of_readings: None, django_assert_max_num_queries: Callable[..., object]
) -> None:
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined] # a context manager
        show(administrator_page)


def test_readings_are_of_registered_hosts_only(administrator_page: Client, minute_of_readings: None) -> None:
    endpoints.clear_model(role="generate")
    hardware.collect()
    text = show(administrator_page)
    assert GpuSample.objects.exists()
    assert "No model is registered yet" in text
    assert "NVIDIA L40S" not in text


def test_what_happened_to_the_engine_is_listed_and_marked_on_its_charts(
    administrator_page: Client, store: Store, now: datetime
) -> None:
    ended = EngineEvent(
        "e1", (now - timedelta(minutes=2)).isoformat(), "engine", "engine_ended", reason="wedged", seconds=45.0,
        detail="3 requests ran or waited, and nothing moved.",
    )  # fmt: skip
    ready = EngineEvent("e2", (now - timedelta(minutes=1)).isoformat(), "engine", "engine_ready", seconds=41.0)
    for seconds in (30, 15, 0):
        store(build_reading(now - timedelta(seconds=seconds), CALM, engine_events=(ended, ready)))
    text = show(administrator_page)
    assert "What happened to it?" in text
    assert "restarted: wedged for 45 seconds</span><span" in text
    assert "3 requests ran or waited, and nothing moved." in text
    assert "ready after 41 seconds" in text
    assert text.index("ready after 41 seconds") < text.index("wedged for 45 seconds</span>")
    drawn = [
        svg for svg in re.findall(r"<svg class=\"lines\".*?</desc>.*?</svg> </div>", text) if "<title>restarted" in svg
    ]
    assert len(drawn) >= 3
    assert not [svg for svg in drawn if "title-busy" in svg or "title-power" in svg], "the GPUs' charts have no marks"
    assert re.search(r"At \d+ \w+ \d\d:\d\d: restarted: wedged for 45 seconds\.</desc>", text)


def test_engine_to_which_nothing_happened_says_so(administrator_page: Client, store: Store, now: datetime) -> None:
    store(build_reading(now, CALM))
    assert "Nothing in this time: it was neither started nor stopped." in show(administrator_page)
