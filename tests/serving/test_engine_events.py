"""What keepers record is in the proxy's readings and metrics: through the real proxy, from the real files."""

import time
from pathlib import Path

import httpx

from inference.metrics.parse import from_json
from inference.serving.events import MOST_SHOWN, EventLog
from tests.engines.launch import free_port, running_engine_proxy


def read(url: str, path: str) -> httpx.Response:
    return httpx.get(f"{url}{path}", timeout=10, trust_env=False).raise_for_status()


def test_proxy_shows_what_happened_and_counts_restarts(tmp_path: Path) -> None:
    events = tmp_path / "events"
    first, second = EventLog(events, "engine"), EventLog(events, "engine-small")
    nowhere = f"http://127.0.0.1:{free_port()}"
    with running_engine_proxy(tmp_path, engine_url=nowhere, options=("--events", str(events))) as proxy:
        assert read(proxy.url, "/hardware").json()["engine_events"] == []
        assert "appliance_engine_restarts_total" not in read(proxy.url, "/metrics").text

        ended = first.record("engine_ended", reason="wedged", restarts_for="wedged", seconds=90.0, log=["a line"])
        started = first.record("engine_started")
        second.record("engine_ended", reason="crashed", restarts_for="crashed", signal="SIGKILL")
        ready = second.record("engine_ready", seconds=41.0)

        time.sleep(1.1)  # the proxy hands a reading out for a second
        reading = read(proxy.url, "/hardware").json()
        assert "a line" not in str(reading), "log lines stay on the machine"
        found = from_json(reading).engine_events
        assert [event.engine for event in found] == ["engine", "engine", "engine-small", "engine-small"]
        assert (found[0], found[1], found[3]) == (ended, started, ready)
        metrics = read(proxy.url, "/metrics").text
        assert 'appliance_engine_restarts_total{engine="engine",reason="wedged"} 1\n' in metrics
        assert 'appliance_engine_restarts_total{engine="engine-small",reason="crashed"} 1\n' in metrics


def test_proxy_shows_the_last_of_many_and_survives_a_broken_file(tmp_path: Path) -> None:
    events = tmp_path / "events"
    log = EventLog(events, "engine")
    for number in range(MOST_SHOWN + 5):
        log.record("engine_ready", seconds=float(number))
    (events / "engine-other.jsonl").write_bytes(b"\xff\x00 not JSON\n")
    with running_engine_proxy(tmp_path, options=("--events", str(events))) as proxy:
        found = from_json(read(proxy.url, "/hardware").json()).engine_events
    assert [event.seconds for event in found] == [float(number) for number in range(5, MOST_SHOWN + 5)]
