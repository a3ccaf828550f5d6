"""The environment of the engine and the embedder, closed: nothing is inherited, nothing reaches out."""

import os
from pathlib import Path

from inference.registry.machine import SYSTEM_PATH
from inference.registry.options import Nodes
from inference.registry.spec import ModelSpec

MAX_ANSWERS_PER_REQUEST = 4
PATTERN_SECONDS = 2  # for a regular expression that a request brings
GRAMMARS_MEBIBYTES = 256  # of compiled schemas that are kept


def build_engine_environment(spec: ModelSpec, *, python: Path, data_dir: Path, root: Path) -> dict[str, str]:
    """vLLM's own switches: no telemetry, no development endpoints, no plugins but the one the model needs.

    Its helper processes speak on loopback. One request may ask for a few answers, not for thousands, and not keep the
    engine busy with a pattern made to be slow.
    """
    return {
        **_build_common_environment(python=python, data_dir=data_dir, root=root),
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_DO_NOT_TRACK": "1",
        "VLLM_SERVER_DEV_MODE": "0",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "0",
        "VLLM_MAX_N_SEQUENCES": str(MAX_ANSWERS_PER_REQUEST),
        "VLLM_REGEX_COMPILATION_TIMEOUT_S": str(PATTERN_SECONDS),
        "VLLM_TOOL_PARSE_REGEX_TIMEOUT_SECONDS": "1",
        "VLLM_XGRAMMAR_CACHE_MB": str(GRAMMARS_MEBIBYTES),
        "VLLM_PLUGINS": "bitsandbytes" if spec.quantization == "bitsandbytes" else "",
        "VLLM_CACHE_ROOT": str(data_dir / "cache" / "vllm"),
        **_build_meeting_place(spec.options.nodes),
        "PYTHONFAULTHANDLER": "1",  # where each thread stood, in the log, when it crashes or is wedged
    }


def _build_meeting_place(nodes: Nodes) -> dict[str, str]:
    """Where the engine's processes find each other: on loopback, or in the network of the machines that hold it."""
    if nodes.count == 1:
        return {"VLLM_HOST_IP": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}
    assert nodes.address is not None, "the settings require it"
    assert nodes.interface is not None, "the settings require it"
    names = dict.fromkeys(("GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME"), nodes.interface)
    return {"VLLM_HOST_IP": nodes.address, **names, "NCCL_SOCKET_IFNAME": f"={nodes.interface}"}


def build_embedder_environment(*, python: Path, data_dir: Path, root: Path) -> dict[str, str]:
    return _build_common_environment(python=python, data_dir=data_dir, root=root)


def build_quantize_environment(*, python: Path, data_dir: Path, root: Path) -> dict[str, str]:
    return _build_common_environment(python=python, data_dir=data_dir, root=root)


def build_fetch_environment(*, python: Path, data_dir: Path, root: Path, network: dict[str, str]) -> dict[str, str]:
    """For the one program here that may reach a hub, over plain HTTPS.

    ``network``: what only this site knows, such as ``HTTPS_PROXY``, ``SSL_CERT_FILE``, or ``HF_ENDPOINT`` for a mirror.
    """
    closed = _build_common_environment(python=python, data_dir=data_dir, root=root)
    online = {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    return {**closed, **network, **online}


def _build_common_environment(*, python: Path, data_dir: Path, root: Path) -> dict[str, str]:
    """Caches live in the data directory; libraries that would call home are told not to."""
    cache = data_dir / "cache"
    return {
        "PATH": f"{python.parent}{os.pathsep}{SYSTEM_PATH}",
        "PYTHONPATH": str(root),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "HOME": str(cache / "home"),
        "XDG_CACHE_HOME": str(cache),
        "XDG_CONFIG_HOME": str(cache / "config"),
        "HF_HOME": str(cache / "huggingface"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
