"""The real vLLM, started by our own command, on tiny checkpoints of each family."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from inference.serving.readiness import check_engine
from tests.engines.launch import ROOT, RunningEngine, build_spec, free_port, running_engine
from tests.engines.obeying import assert_is_whole, stream_answer
from tests.engines.predicted import predict, read_kv_tokens

LISTENING = "0A"
LOOPBACK_IN_HEXADECIMAL = "0100007F"


def test_llama_is_served_whole_with_the_context_it_was_trained_for(
    tiny_checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    spec = build_spec(tiny_checkpoints["llama"], max_context_tokens=None)
    with running_engine(spec, tmp_path, enforce_eager=True) as engine:
        assert_is_whole(engine, "llama")
        assert check_engine(engine.url).max_model_tokens == 16384
    assert "load_format=safetensors" in engine.log.read_text()
    assert read_kv_tokens(engine.log) == pytest.approx(predict(tiny_checkpoints["llama"]).kv_tokens, rel=0.05)


def test_mistral_is_served_whole_in_four_bits_with_a_cache_of_eight(
    tiny_checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    spec = build_spec(tiny_checkpoints["mistral"], quantization="bitsandbytes")
    with running_engine(replace(spec, kv_cache_dtype="fp8"), tmp_path, enforce_eager=True) as engine:
        assert_is_whole(engine, "mistral")
    log = engine.log.read_text()
    assert "quantization=bitsandbytes" in log
    assert "load_format=bitsandbytes" in log
    plain, small = (
        predict(tiny_checkpoints["mistral"], format_="bnb-nf4", kv_cache_dtype=dtype) for dtype in ("auto", "fp8")
    )
    assert small.kv_tokens == 2 * plain.kv_tokens
    assert read_kv_tokens(engine.log) == pytest.approx(small.kv_tokens, rel=0.05)


def test_qwen3_is_served_whole(tiny_engine: RunningEngine) -> None:
    assert_is_whole(tiny_engine, "qwen3")


def listening_addresses(process_group: int) -> set[str]:
    """Addresses, as the kernel writes them in hexadecimal, that processes of a group listen on."""
    sockets = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # a process may end, or belong to somebody else
            if os.getpgid(int(process.name)) == process_group:
                sockets |= {str(descriptor.readlink()) for descriptor in (process / "fd").iterdir()}
    addresses = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets:
                addresses.add(fields[1].split(":")[0])
    return addresses


def test_engine_listens_on_loopback_only(tiny_engine: RunningEngine) -> None:
    assert listening_addresses(tiny_engine.pid) == {LOOPBACK_IN_HEXADECIMAL}


def test_engine_offers_no_pages_and_no_development_endpoints(tiny_engine: RunningEngine) -> None:
    for path in ("/docs", "/openapi.json", "/server_info", "/collective_rpc", "/v1/load_lora_adapter"):
        assert httpx.get(f"{tiny_engine.url}{path}", trust_env=False).status_code == 404


def test_engine_refuses_thousands_of_answers_to_one_request(tiny_engine: RunningEngine) -> None:
    body = {"model": tiny_engine.model, "messages": [{"role": "user", "content": "a"}], "max_tokens": 1, "n": 5}
    answer = httpx.post(f"{tiny_engine.url}/v1/chat/completions", json=body, timeout=30, trust_env=False)
    assert answer.status_code == 400


def test_engine_keeps_questions_out_of_its_log(tiny_engine: RunningEngine) -> None:
    stream_answer(tiny_engine, max_tokens=2)
    assert "reservoir" not in tiny_engine.log.read_text()


@pytest.mark.parametrize(("ask", "model"), [("token", "tiny-qwen3"), ("models", "tiny-qwen3"), ("health", None)])
def test_readiness_command_prints_json(tiny_engine: RunningEngine, ask: str, model: str | None) -> None:
    argv = [sys.executable, "-m", "inference.serving.readiness", "--url", tiny_engine.url, "--ask", ask]
    answer = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(answer.stdout)["model"] == model


def test_readiness_without_an_engine_says_why() -> None:
    readiness = check_engine(f"http://127.0.0.1:{free_port()}")
    assert not readiness.ready
    assert "does not list its models" in readiness.reason


def test_readiness_needs_more_than_a_list_of_models(scripted_engine: str) -> None:
    assert check_engine(scripted_engine).ready
    rules = {"rules": [{"status": 500, "message": "The scheduler is stuck."}]}
    httpx.post(f"{scripted_engine}/__script", json=rules, trust_env=False).raise_for_status()
    readiness = check_engine(scripted_engine)
    assert not readiness.ready
    assert "writes nothing: HTTP 500" in readiness.reason
