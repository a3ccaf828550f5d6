import json
from dataclasses import replace
from pathlib import Path

import pytest

from inference.registry.spec import ModelSpec
from inference.serving.command import Command, embedder_command, engine_command, fetch_command, keeper_command
from inference.serving.keeper.outlook import Limits

SNAPSHOT = Path(__file__).parents[2] / "serving" / "parser_flags.json"
SPEC = ModelSpec(name="m", source="directory", device="cpu", path=Path("/models/m"))
PYTHON, DATA, ROOT = Path("/env/bin/python"), Path("/data"), Path("/repo")
COMMON = {
    "PATH": "/env/bin:/usr/local/bin:/usr/bin:/bin",
    "PYTHONPATH": "/repo",
    "PYTHONSAFEPATH": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LANG": "C.UTF-8",
    "HOME": "/data/cache/home",
    "XDG_CACHE_HOME": "/data/cache",
    "XDG_CONFIG_HOME": "/data/cache/config",
    "HF_HOME": "/data/cache/huggingface",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def engine(spec: ModelSpec = SPEC) -> Command:
    return engine_command(spec, python=PYTHON, port=8410, data_dir=DATA, root=ROOT)


def test_embedder_environment_is_closed_and_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "inherited")
    assert embedder_command(python=PYTHON, port=1, data_dir=DATA, root=ROOT).env == COMMON


def test_engine_environment_is_closed_and_offline() -> None:
    assert engine().env == {
        **COMMON,
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_DO_NOT_TRACK": "1",
        "VLLM_SERVER_DEV_MODE": "0",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "0",
        "VLLM_MAX_N_SEQUENCES": "4",
        "VLLM_REGEX_COMPILATION_TIMEOUT_S": "2",
        "VLLM_TOOL_PARSE_REGEX_TIMEOUT_SECONDS": "1",
        "VLLM_XGRAMMAR_CACHE_MB": "256",
        "VLLM_PLUGINS": "",
        "VLLM_CACHE_ROOT": "/data/cache/vllm",
        "VLLM_HOST_IP": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
        "PYTHONFAULTHANDLER": "1",
    }


def test_keeper_stands_before_the_whole_engine() -> None:
    kept = keeper_command(
        engine(), engine="engine", port=8410, events=Path("/data/events"), limits=Limits(600, 300, 30)
    )
    assert kept.argv == (
        "/env/bin/python", "-m", "inference.serving.keeper", "--engine", "engine", "--url", "http://127.0.0.1:8410",
        "--purpose", "generation", "--events", "/data/events",
        "--start-seconds", "600", "--wedged-seconds", "300", "--drain-seconds", "30", "--",
        *engine().argv, "--middleware", "inference.serving.draining.Draining", "--shutdown-timeout", "30",
    )  # fmt: skip
    assert kept.env == engine().env
    flags = set(json.loads(SNAPSHOT.read_text())["flags"])
    assert {"--middleware", "--shutdown-timeout"} <= flags, "what vLLM's parser knows"


def test_engine_loads_the_plugin_only_where_the_model_needs_it() -> None:
    assert engine(replace(SPEC, quantization="bitsandbytes")).env["VLLM_PLUGINS"] == "bitsandbytes"


def test_fetching_is_the_one_command_that_may_reach_out() -> None:
    spec = replace(SPEC, source="hub", hub_id="a/b", revision="r", path=None)
    command = fetch_command(
        spec, python=PYTHON, data_dir=DATA, root=ROOT, models_dir=Path("/data/model"), network={"HTTPS_PROXY": "p"}
    )
    assert " ".join(command.argv) == (
        "/env/bin/python -m inference.registry.fetch --hub-id a/b --revision r --models /data/model"
    )
    assert (command.env["HF_HUB_OFFLINE"], command.env["HTTPS_PROXY"]) == ("0", "p")
