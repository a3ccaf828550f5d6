"""``make test-gpu`` rehearsed on a CPU: the same path from the plan to the page, written into a temporary folder."""

from pathlib import Path

import pytest

from inference.metrics.parse import iterate_samples, list_metric_names, parse_engine_metrics
from inference.planning.figures import Figures
from inference.planning.node import CpuNode, Question
from inference.planning.sizing import GIB
from tests.engines.launch import ENGINE_CONTEXT_TOKENS, ENGINE_KV_CACHE_GIB, RunningEngine, running_engine_proxy
from tests.engines.metrics_page import record_page
from tests.engines.versions import read_versions
from tests.gpu.measuring import DoesNotFitError, bench, compare, plan, render_page

NODE = CpuNode(memory_bytes=64 * GIB, kv_cache_bytes=int(ENGINE_KV_CACHE_GIB * GIB))
LITTLE = ("--prompts", "8", "--concurrency", "2", "--input-tokens", "32", "--output-tokens", "8", "--rounds", "1")


@pytest.fixture(scope="module")
def planned(tiny_checkpoints: dict[str, Path]) -> Figures:
    return plan(tiny_checkpoints["qwen3"], NODE, Question(ENGINE_CONTEXT_TOKENS))[0]


def test_plan_is_compared_with_what_the_engine_logs(tiny_engine: RunningEngine, planned: Figures) -> None:
    weights, cache, at_once = compare(planned, tiny_engine.log)
    assert weights.seen is None  # vLLM logs them on a GPU only
    assert cache.apart == pytest.approx(0, abs=0.05)
    assert at_once.apart == pytest.approx(0, abs=0.05)


def test_metrics_are_recorded_while_requests_wait(tiny_engine: RunningEngine) -> None:
    page = record_page(tiny_engine, running_at_once=8)
    assert set(list_metric_names()) - {name for name, _, _ in iterate_samples(page)} == set()
    reading = parse_engine_metrics(page)
    assert (reading.model_name, reading.running) == (tiny_engine.model, 8)
    assert reading.waiting


def test_bench_ends_up_on_a_page_with_device_and_versions(
    tiny_engine: RunningEngine, planned: Figures, tiny_checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    config = tmp_path / "appliance.yaml"
    config.write_text(f"data_dir: {tmp_path / 'var'}\n", encoding="utf-8")
    with running_engine_proxy(tmp_path, engine_url=tiny_engine.url) as proxy:
        table = bench(
            tiny_engine, proxy_url=proxy.url, model=tiny_checkpoints["qwen3"], config=config, options=LITTLE
        )  # fmt: skip
    page = render_page(
        model=tiny_engine.model, device="a CPU", versions=read_versions(), compared=compare(planned, tiny_engine.log),
        benched=table,
    )  # fmt: skip
    assert "# tiny-qwen3 on a CPU" in page
    assert "| Weights on each GPU |" in page
    assert "engine-proxy" in page


def test_model_that_does_not_fit_is_not_served(tiny_checkpoints: dict[str, Path]) -> None:
    with pytest.raises(DoesNotFitError, match="tiny-qwen3: It needs 2"):
        plan(tiny_checkpoints["qwen3"], CpuNode(memory_bytes=GIB, kv_cache_bytes=GIB // 4))
