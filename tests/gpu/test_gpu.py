"""On a real GPU: the plan against the engine's own figures, readings and metrics recorded, the bench's table kept."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference.metrics.parse import iterate_samples, list_metric_names
from inference.metrics.replay import open_replay
from inference.planning.figures import Figures
from inference.planning.node import GpuNode, find_gpu_node
from inference.registry.machine import list_gpus
from inference.registry.spec import ModelSpec
from tests.engines.launch import INFERENCE_PYTHON, ROOT, RunningEngine, running_engine, running_engine_proxy
from tests.engines.metrics_page import FOLDER, record_page
from tests.engines.obeying import assert_is_whole
from tests.engines.versions import read_versions
from tests.gpu.ground import find_lack, find_model
from tests.gpu.measuring import START_SECONDS, bench, build_name, compare, plan, render_page

ASKED = 384  # three times as many as run at once
MEASUREMENTS = ROOT / "docs" / "reference" / "measurements"


@pytest.fixture(scope="module")
def model() -> Path:
    if lack := find_lack(find_model()):
        pytest.skip(lack)
    return Path(find_model() or "").resolve()


@pytest.fixture(scope="module")
def node(model: Path) -> GpuNode:
    found = find_gpu_node(list_gpus())
    assert found is not None
    return found


@pytest.fixture(scope="module")
def planned(model: Path, node: GpuNode) -> tuple[Figures, ModelSpec]:
    return plan(model, node)


@pytest.fixture(scope="module")
def engine(planned: tuple[Figures, ModelSpec], engine_logs: Path) -> Iterator[RunningEngine]:
    with running_engine(planned[1], engine_logs, enforce_eager=False, deadline_seconds=START_SECONDS) as running:
        yield running


def test_engine_calls_tools_and_obeys_schemas(engine: RunningEngine, planned: tuple[Figures, ModelSpec]) -> None:
    assert planned[1].family is not None
    assert_is_whole(engine, planned[1].family)


def test_plan_is_what_the_engine_has(engine: RunningEngine, planned: tuple[Figures, ModelSpec]) -> None:
    weights, cache, at_once = compare(planned[0], engine.log)
    assert weights.apart == pytest.approx(0, abs=0.02), weights
    assert cache.apart == pytest.approx(0, abs=0.05), cache
    assert at_once.apart == pytest.approx(0, abs=0.05), at_once


def test_readings_and_metrics_are_recorded_under_load(engine: RunningEngine, node: GpuNode) -> None:
    """Into the fixtures, where the tests that need no GPU find them from then on."""
    card = build_name(model="", device=node.name).removesuffix(".md")
    page = record_page(engine, running_at_once=8, asked=ASKED)
    assert set(list_metric_names()) - {name for name, _, _ in iterate_samples(page)} == set()
    version = read_versions()["vllm"]
    head = (
        f"# Recorded from vllm {version} serving {engine.model} on {node.name} while {ASKED} answers were asked for.\n"
    )
    (FOLDER / f"vllm-{version}-{card}-metrics.txt").write_text(head + page, encoding="utf-8")
    path = FOLDER / f"{card}-recorded.json"
    argv = [str(INFERENCE_PYTHON), "-P", "-m", "tests.gpu.recording", "--write", str(path)]
    argv += ["--about", f"{node.count} x {node.name} with {engine.model} loaded."]
    subprocess.run(argv, env={"PYTHONPATH": str(ROOT)}, cwd=ROOT, check=True, timeout=60)
    source = open_replay(path)
    assert source.source == "recorded"
    assert source.read().gpus[0].memory_used_bytes


def test_bench_is_kept_with_device_versions_and_date(
    engine: RunningEngine, planned: tuple[Figures, ModelSpec], model: Path, node: GpuNode, tmp_path: Path
) -> None:
    config = tmp_path / "appliance.yaml"
    config.write_text(f"data_dir: {tmp_path / 'var'}\n", encoding="utf-8")
    with running_engine_proxy(tmp_path, engine_url=engine.url) as proxy:
        assert httpx.get(f"{proxy.url}/v1/models", trust_env=False).status_code == 200
        table = bench(engine, proxy_url=proxy.url, model=model, config=config)
    device = f"{node.count} x {node.name}" if node.count > 1 else node.name
    page = render_page(
        model=engine.model, device=device, versions=read_versions(), compared=compare(planned[0], engine.log),
        benched=table,
    )  # fmt: skip
    MEASUREMENTS.mkdir(exist_ok=True)
    (MEASUREMENTS / build_name(model=engine.model, device=device)).write_text(page, encoding="utf-8")
