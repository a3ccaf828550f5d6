"""What the real proxy says in front of the real vLLM is what the web application keeps and shows."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.test import Client

from tests.engines.launch import RunningEngine, RunningProxy, running_engine_proxy
from webapp.accounts.models import User
from webapp.hardware import api
from webapp.llm.services import endpoints

READINGS = Path(__file__).resolve().parents[1] / "unit" / "inference" / "readings"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
pytestmark = pytest.mark.django_db


@pytest.fixture
def proxy(db: None, engine_logs: Path, tiny_engine: RunningEngine) -> Iterator[RunningProxy]:
    """engine-proxy with authored GPUs, registered as the place of the model."""
    options = ("--readings", str(READINGS / "two-h100-busy.json"))
    with running_engine_proxy(engine_logs, engine_url=tiny_engine.url, options=options) as running:
        endpoints.set_model(role="generate", url=running.url, model_name=tiny_engine.model, name="tiny", detail={})
        yield running


def write(proxy: RunningProxy, model: str) -> int:
    """Let the engine write; returns how many tokens it says that it wrote."""
    body = {"model": model, "messages": [{"role": "user", "content": "Go on."}], "max_tokens": 32, "ignore_eos": True}
    response = httpx.post(f"{proxy.url}/v1/chat/completions", json=body, timeout=60, trust_env=False)
    response.raise_for_status()
    return int(response.json()["usage"]["completion_tokens"])


def test_readings_of_the_real_proxy_and_engine_are_kept_and_shown(
    proxy: RunningProxy, tiny_engine: RunningEngine
) -> None:
    write(proxy, tiny_engine.model)
    assert api.collect() == 1
    (first,) = api.list_hosts()
    written = write(proxy, tiny_engine.model)
    deadline = time.monotonic() + 30
    while api.list_hosts()[0].taken_at == first.taken_at and time.monotonic() < deadline:
        time.sleep(0.5)
        assert api.collect() == 1
    (host,) = api.list_hosts()
    assert (host.source, host.problem, host.gpu_problem, host.engine_problem) == ("authored", "", "", "")
    assert [gpu.name for gpu in api.list_gpus()] == ["NVIDIA H100 80GB HBM3"] * 2
    (engine,) = api.list_engines()
    assert engine.model_name == tiny_engine.model
    assert set(engine.waiting_by_reason) == {"capacity", "deferred"}
    assert engine.kv_cache_percent is not None
    assert host.taken_at is not None
    assert first.taken_at is not None
    seconds = (host.taken_at - first.taken_at).total_seconds()
    assert engine.generation_tokens_per_second == pytest.approx(written / seconds)
    assert engine.time_to_first_token_seconds is not None
    page = Client()
    page.force_login(User.objects.create_superuser("root-user"), backend=BACKEND)
    text = page.get("/console/hardware").content.decode()
    assert "limited by its power cap" in text
    assert "These GPU readings are authored." in text
    assert 'data-live="no"' in text
