"""The GPU page in a real browser, fed by a whole appliance that collects from a small host of authored readings."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from inference.metrics.types import EngineReading, EngineState, HostReading
from tests.e2e.conftest import DESKTOP, PHONE
from tests.e2e.stack import ADMINISTRATOR, Stack, running_stack
from tests.e2e.test_accessibility import AXE, grave_violations, overflows
from tests.hardware.host import ReadingHost, reading_host
from tests.hardware.readings import CALM, ENGINE, HOT, build_reading, grow

COLLECTED_MILLISECONDS = 45_000
ADDRESS = "/console/hardware"
# Ninety minutes of two cards under a load that comes and goes, with ten minutes in which nothing was collected; the
# engine was wedged once, and killed once.
HISTORY = """
import math
from dataclasses import replace
from datetime import timedelta
from django.utils import timezone
from inference.metrics.types import EngineEvent
from tests.hardware.readings import CALM, ENGINE, HOT, build_reading, grow
from webapp.hardware import api, partitions
from webapp.hardware.services import storing

def happened(minutes, kind, **more):
    at = now - timedelta(minutes=minutes)
    return EngineEvent(f"{kind}-{minutes}", at.isoformat(), "engine", kind, **more)

now = timezone.now().replace(microsecond=0)
partitions.ensure_partitions(now - timedelta(hours=2))
partitions.ensure_partitions(now)
silent = "3 requests ran or waited, and nothing moved."
events = (
    happened(85, "engine_ready", seconds=44.1),
    happened(41, "engine_wedged", reason="wedged", seconds=90.0, detail=silent),
    happened(41, "engine_ended", reason="wedged", seconds=90.0, signal="SIGABRT", detail=silent),
    happened(41, "engine_started"),
    happened(40, "engine_ready", seconds=43.2),
    happened(12, "engine_ended", reason="crashed", signal="SIGKILL", detail="It was ended by SIGKILL."),
    happened(12, "engine_started"),
    happened(11, "engine_ready", seconds=43.9),
)
written = prompts = first = queued = 0.0
for number in range(360):
    at = now - timedelta(seconds=15 * (360 - number))
    load = 0.5 + 0.45 * math.sin(number / 23)
    if 150 <= number < 190:
        continue
    written, prompts = written + 15 * 90 * load, prompts + 15 * 420 * load
    first, queued = first + 0.2 + load, queued + 0.8 * load * load
    calm = replace(CALM, utilization_percent=round(100 * load), power_watts=90 + 230 * load,
                   temperature_celsius=48 + 26 * load, memory_used_bytes=int((30 + 4 * load) * 2**30))
    hot = replace(HOT, utilization_percent=min(100, round(60 + 45 * load)), power_watts=min(349.0, 220 + 150 * load),
                  temperature_celsius=70 + 25 * load, xid_events=((13, 1),) if number < 250 else HOT.xid_events,
                  clock_event_reasons=tuple(reason for reason, least in
                                            (("sw_power_cap", 0.6), ("hw_thermal_slowdown", 0.85)) if load > least))
    waiting = max(0, round(14 * (load - 0.6)))
    engine = replace(grow(ENGINE, generation=written, prompt=prompts, preemptions=number // 40),
                     running=round(14 * load), waiting=waiting, kv_cache_usage=0.25 + 0.7 * load,
                     waiting_by_reason={"capacity": max(0, waiting - 1), "deferred": min(1, waiting)},
                     time_to_first_token=(40.0 + first, 100.0 + number), queue_time=(12.0 + queued, 100.0 + number))
    storing.store(URL, build_reading(at, calm, hot, engine=engine, engine_events=events), at)
api.maintain()
"""
FORGET = "from webapp.hardware.models import Host; Host.objects.all().delete()"
AGE = """
from datetime import timedelta
from django.db.models import F
from webapp.hardware.models import Gpu, Host
Gpu.objects.update(last_seen_at=F("last_seen_at") - timedelta(minutes=4))
Host.objects.update(taken_at=F("taken_at") - timedelta(minutes=4), received_at=F("received_at") - timedelta(minutes=4))
"""


@pytest.fixture(scope="module")
def gpu_host() -> Iterator[ReadingHost]:
    with reading_host() as host:
        host.status = 503
        yield host


@pytest.fixture(scope="module")
def stack(gpu_host: ReadingHost) -> Iterator[Stack]:
    """An appliance of its own: web, worker and scheduler, both of whose models are said to be on the host."""
    with tempfile.TemporaryDirectory(prefix="appl-gpu-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with running_stack(folder, embedder=gpu_host.url, engine=gpu_host.url) as running:
            yield running


@pytest.fixture(scope="module")
def history(gpu_host: ReadingHost, stack: Stack) -> ReadingHost:
    """A host with a past; the tests that want it come before those that make the appliance forget it."""
    run(stack, f"URL = {gpu_host.url!r}\n{HISTORY}")
    started = time.monotonic()

    def build() -> HostReading:
        engine = grow(end_of_history(), generation=60 * (time.monotonic() - started))
        return build_reading(now(), CALM, HOT, engine=engine)

    gpu_host.keep_saying(build)
    collect(stack)
    return gpu_host


@pytest.fixture
def silent(gpu_host: ReadingHost, stack: Stack) -> ReadingHost:
    """The host does not answer, and nothing is remembered of it."""
    gpu_host.status = 503
    run(stack, FORGET)
    return gpu_host


def run(stack: Stack, script: str) -> None:
    stack.manage("shell", "--verbosity", "0", "-c", script)


def now() -> datetime:
    return datetime.now(UTC)


def measured(*gpus: object, **more: object) -> Callable[[], HostReading]:
    """Readings that claim to be measured, taken when they are asked for: what a real host would give."""
    started = time.monotonic()

    def build() -> HostReading:
        engine = grow(ENGINE, generation=40 * (time.monotonic() - started))
        return build_reading(now(), *gpus, **{"source": "nvml", "engine": engine, **more})  # type: ignore[arg-type]

    return build


def collect(stack: Stack) -> None:
    """As the scheduler does every 15 seconds; a test does not wait for it."""
    run(stack, "from webapp.hardware import api; api.collect()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_page_of_two_gpus_has_no_grave_violation(
    open_page: Callable[..., Page], history: ReadingHost, screenshots: Path, device: str, scheme: str
) -> None:
    viewport = {"desktop": DESKTOP, "phone": PHONE}[device]
    page = open_page(ADMINISTRATOR, viewport=viewport, scheme=scheme, axe=AXE)
    problems = {}
    for name, address in {
        "gpus": f"{ADDRESS}?range=1h",
        "gpus-7d": f"{ADDRESS}?range=7d",
        "gpu-rows": f"{ADDRESS}/power?range=15m",
    }.items():
        page.goto(address)
        expect(page.get_by_text("These GPU readings are authored.")).to_be_visible()
        show_whole(page, viewport)
        page.screenshot(path=screenshots / f"{name}-{device}-{scheme}.png")
        problems[name] = [*grave_violations(page), *(["wider than the screen"] if overflows(page) else [])]
        page.set_viewport_size(viewport)  # type: ignore[arg-type] # a plain dict is what it takes
    page.set_viewport_size({"width": viewport["width"] // 2 if device == "desktop" else 320, "height": 400})
    for address in (ADDRESS, f"{ADDRESS}/power?range=15m"):
        page.goto(address)
        problems[f"{address} at twice the size"] = ["wider than the screen"] if overflows(page) else []
    assert {name: found for name, found in problems.items() if found} == {}


def end_of_history() -> EngineReading:
    """Totals beyond those of the history, so that the engine has not restarted."""
    return replace(
        grow(ENGINE, generation=226_000, prompt=1_055_000, preemptions=8),
        time_to_first_token=(271.5, 461.0),
        queue_time=(106.6, 461.0),
    )


def show_whole(page: Page, viewport: dict[str, int]) -> None:
    """As tall as its content: the pane scrolls, not the page."""
    height = page.locator("#main").evaluate("pane => pane.scrollHeight") + 60
    page.set_viewport_size({"width": viewport["width"], "height": height})


def test_restarts_are_listed_and_marked(open_page: Callable[..., Page], history: ReadingHost) -> None:
    page = open_page(ADMINISTRATOR)
    page.goto(f"{ADDRESS}?range=1h")
    happened = page.get_by_role("region", name="What happened to it?")
    expect(happened.get_by_text("restarted: wedged for 90 seconds")).to_be_visible()
    expect(happened.get_by_text("restarted: it was ended by SIGKILL")).to_be_visible()
    expect(happened.get_by_role("row")).to_have_count(7)  # the head, and six in an hour: wedged and its end are one
    chart = page.get_by_role("img", name="Do requests wait, and why?")
    expect(chart.locator(".mark")).to_have_count(2)
    expect(chart.locator("desc")).to_have_text(re.compile(r"At .*: restarted: wedged for 90 seconds\."))


def test_chart_is_read_out_under_the_pointer_and_in_words(open_page: Callable[..., Page], history: ReadingHost) -> None:
    page = open_page(ADMINISTRATOR)
    page.goto(f"{ADDRESS}/power?range=1h")
    chart = page.get_by_role("img", name="How much power do they draw? (W)")
    expect(chart.locator("desc")).to_have_text(
        re.compile(r"GPU 0: between \d+ and \d+ W, last \d+\. 1 gap in collection\.")
    )
    chart.hover(position={"x": 100, "y": 60})
    expect(page.locator(".readout")).to_contain_text("GPU 0")
    expect(page.locator(".readout")).to_contain_text(" W")
    page.get_by_role("heading", level=1).hover()
    expect(page.locator(".readout")).to_have_count(0)


def test_measured_readings_are_live_count_and_renew_themselves(
    open_page: Callable[..., Page], silent: ReadingHost, stack: Stack
) -> None:
    silent.keep_saying(measured(CALM))
    collect(stack)
    page = open_page(ADMINISTRATOR)
    page.goto(ADDRESS)
    expect(page.locator("[data-live-dot]")).to_be_visible()
    expect(page.locator("[data-stale-notice]")).to_be_hidden()
    page.locator("#readings").evaluate("element => { element.dataset.first = 'yes'; }")
    page.get_by_role("link", name="CSV: Are the GPUs busy?").focus()
    seen = set()
    deadline = time.monotonic() + COLLECTED_MILLISECONDS / 1000
    while page.locator("#readings[data-first]").count() and time.monotonic() < deadline:
        seen.add(page.locator("[data-age-text]").inner_text())
        page.wait_for_timeout(400)
    assert len(seen) >= 4
    assert all(re.fullmatch(r"\d+ seconds? ago", text) for text in seen)
    # Who works with the keyboard stays where they were.
    expect(page.get_by_role("link", name="CSV: Are the GPUs busy?")).to_be_focused()
    # By now the scheduler has collected, and the page has fetched, without anybody's doing.
    expect(page.get_by_text("40.0\u00a0tokens/s").first).to_be_visible(timeout=COLLECTED_MILLISECONDS)
    expect(page.locator("[data-live-dot]")).to_be_visible()


def test_page_that_loses_the_appliance_says_that_its_readings_are_past(
    open_page: Callable[..., Page], silent: ReadingHost, stack: Stack
) -> None:
    silent.keep_saying(measured(CALM))
    collect(stack)
    page = open_page(ADMINISTRATOR)
    page.clock.install()
    page.goto(ADDRESS)
    page.clock.run_for(1000)
    expect(page.locator("[data-live-dot]")).to_be_visible()
    page.route("**/console/hardware*", lambda route: route.abort())
    page.clock.run_for(60_000)
    expect(page.locator("[data-live-dot]")).to_be_hidden()
    expect(page.get_by_text("These readings are out of date.").first).to_be_visible()
    expect(page.locator("[data-age-text]")).to_have_text("1 minute ago")
    expect(page.locator("#offline")).to_be_visible()


def test_old_readings_are_shown_as_past(
    open_page: Callable[..., Page], silent: ReadingHost, stack: Stack, screenshots: Path
) -> None:
    silent.keep_saying(measured(CALM, HOT))
    collect(stack)
    silent.status = 503
    run(stack, AGE)
    page = open_page(ADMINISTRATOR, axe=AXE)
    page.goto(ADDRESS)
    expect(page.get_by_text("These readings are out of date.").first).to_be_visible()
    expect(page.locator("[data-age-text]")).to_have_text("4 minutes ago")
    expect(page.locator("[data-live-dot]")).to_be_hidden()
    expect(page.get_by_text("was: too hot: slowed down")).to_be_visible()
    show_whole(page, DESKTOP)
    page.screenshot(path=screenshots / "gpus-stale.png")
    assert grave_violations(page) == []
    silent.keep_saying(measured(CALM, HOT))
    expect(page.locator("[data-live-dot]")).to_be_visible(timeout=COLLECTED_MILLISECONDS)


def test_host_without_a_gpu_says_so_and_shows_its_engine(
    open_page: Callable[..., Page], silent: ReadingHost, stack: Stack, screenshots: Path
) -> None:
    problem = "NVIDIA's driver is not installed on this host"
    silent.keep_saying(measured(gpu_problem=problem))
    collect(stack)
    page = open_page(ADMINISTRATOR, axe=AXE)
    page.goto(ADDRESS)
    expect(page.get_by_text(problem)).to_be_visible()
    expect(page.get_by_role("heading", name="How fast does it write?")).to_be_visible()
    expect(page.get_by_role("heading", name="Are the GPUs busy?")).to_have_count(0)
    show_whole(page, DESKTOP)
    page.screenshot(path=screenshots / "gpus-none.png")
    assert grave_violations(page) == []


def test_states_before_the_first_reading(
    open_page: Callable[..., Page], silent: ReadingHost, stack: Stack, screenshots: Path
) -> None:
    page = open_page(ADMINISTRATOR, axe=AXE)
    collect(stack)
    page.goto(ADDRESS)
    expect(page.get_by_text("It has never given a reading.")).to_be_visible()
    page.screenshot(path=screenshots / "gpus-unreachable.png")
    assert grave_violations(page) == []
    for role in ("embed", "generate"):
        stack.manage("endpoint", "clear", "--role", role)
    try:
        collect(stack)
        page.goto(ADDRESS)
        expect(page.get_by_role("heading", name="No model is registered yet")).to_be_visible()
        page.screenshot(path=screenshots / "gpus-unregistered.png")
        assert grave_violations(page) == []
    finally:
        for role in ("embed", "generate"):
            stack.manage("endpoint", "set", "--role", role, "--url", silent.url, "--model", role)


def test_ordinary_user_finds_no_link_and_is_refused(open_page: Callable[..., Page]) -> None:
    page = open_page("ada", axe=AXE)
    page.goto("/")
    expect(page.get_by_role("link", name="GPUs and engine")).to_have_count(0)
    response = page.goto(ADDRESS)
    assert response is not None
    assert response.status == 403
    expect(page.get_by_role("heading", name="This page is not for your account")).to_be_visible()
    assert grave_violations(page) == []


def test_rows_and_csv_are_one_click_away_and_the_range_stays(
    open_page: Callable[..., Page], silent: ReadingHost, stack: Stack
) -> None:
    silent.keep_saying(measured(CALM, HOT))
    collect(stack)
    page = open_page(ADMINISTRATOR)
    page.goto("/")
    page.get_by_role("link", name="GPUs and engine").click()
    page.get_by_role("link", name="15 minutes").click()
    expect(page).to_have_url(re.compile(r"\?range=15m$"))
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV: Are the GPUs busy?").click()
    assert download.value.suggested_filename == "busy-15m.csv"
    page.get_by_role("link", name="Rows: Are the GPUs busy?").click()
    expect(page).to_have_url(re.compile(r"/busy\?range=15m$"))
    expect(page.get_by_role("cell", name="GPU 1").first).to_be_visible()
    page.get_by_role("link", name="GPUs and engine").last.click()
    expect(page).to_have_url(re.compile(r"/hardware\?range=15m$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_each_engine_of_a_host_has_a_tile_and_lines_of_its_own(
    open_page: Callable[..., Page], silent: ReadingHost, stack: Stack, screenshots: Path, device: str, scheme: str
) -> None:
    further = (
        EngineState(
            "coder", "generation", replace(ENGINE, model_name="qwen3-coder", waiting_by_reason={}), answers=True
        ),
        EngineState("ranks", "reranking", EngineReading("bge-reranker", running=1.0, waiting=0.0), answers=True),
        EngineState("embeds", "embedding", problem="The engine does not answer: it is starting, stopped or absent."),
    )
    for second in (30, 15, 0):
        engine = grow(ENGINE, generation=600 - 20 * second)
        states = (EngineState("model", "generation", engine, answers=True), *further)
        silent.say(build_reading(now() - timedelta(seconds=second), CALM, engine=engine, engines=states))
        collect(stack)
    viewport = {"desktop": DESKTOP, "phone": PHONE}[device]
    page = open_page(ADMINISTRATOR, viewport=viewport, scheme=scheme, axe=AXE)
    page.goto(f"{ADDRESS}?range=15m")
    expect(page.get_by_role("heading", name="The engines")).to_be_visible()
    for model in ("authored-model", "qwen3-coder", "bge-reranker"):
        expect(page.get_by_role("heading", name=model)).to_be_visible()
    expect(page.get_by_text("ranks passages")).to_be_visible()
    expect(page.get_by_text("No metrics of the further model embeds on gpu-1.")).to_be_visible()
    expect(page.get_by_role("img", name="Do requests wait, and why?").locator("desc")).to_contain_text("qwen3-coder")
    show_whole(page, viewport)
    page.screenshot(path=screenshots / f"engines-{device}-{scheme}.png")
    assert grave_violations(page) == []
    assert not overflows(page)


def test_page_needs_no_script(
    browser: Browser, open_page: Callable[..., Page], silent: ReadingHost, stack: Stack
) -> None:
    silent.keep_saying(measured(CALM))
    collect(stack)
    cookies = open_page(ADMINISTRATOR).context.storage_state()
    context = browser.new_context(base_url=stack.url, java_script_enabled=False, storage_state=cookies)
    page = context.new_page()
    page.goto(ADDRESS)
    expect(page.get_by_role("img", name="Are the GPUs busy? (%)")).to_be_visible()
    # Nothing counts the age here, so nothing is called live.
    expect(page.locator("[data-live-dot]")).to_be_hidden()
    context.close()
