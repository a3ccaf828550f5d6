"""The exact command line of the engine and the embedder. Pure: the tests compare whole lines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.registry.errors import NotFetchedError
from inference.registry.spec import ModelSpec, Purpose
from inference.serving.options import (
    build_adapter_flags,
    build_caching_flags,
    build_node_flags,
    build_queue_flags,
    build_schema_flags,
)

GIB = 1024**3
LOOPBACK = "127.0.0.1"
CPU_MEMORY_FRACTION = 0.5
GPU_MEMORY_FRACTION = 0.9
MAX_CONTEXT_THAT_FITS = "auto"
RANKING_TEMPLATE = Path(__file__).with_name("qwen3_reranker.txt")
HEADLESS = "inference.serving.headless"


def build_engine_argv(
    spec: ModelSpec,
    *,
    python: Path,
    port: int,
    kv_cache_gib: float = 1.0,
    memory_fraction: float | None = None,
) -> list[str]:
    """vLLM's OpenAI server on loopback.

    ``kv_cache_gib`` sizes the KV cache on a CPU; on a GPU ``memory_fraction`` of its memory is the engine's. The CPU
    engine is given its fraction too, because its default refuses to start beside anything else. ``python -m``
    because the CPU build's own command does not start.
    """
    if spec.path is None:
        raise NotFetchedError(f"{spec.name} is not on this machine: fetch it first.")
    argv = [str(python), "-m", HEADLESS if spec.options.nodes.is_headless else "vllm.entrypoints.openai.api_server"]
    argv += [] if spec.options.nodes.is_headless else ["--host", LOOPBACK, "--port", str(port)]
    argv += ["--model", str(spec.path), "--served-model-name", spec.served_name]
    argv += _build_format_flags(spec)
    if spec.purpose != "generation":
        argv += ["--runner", "pooling", *(_build_ranking_flags() if spec.ranks_by_words else [])]
    if spec.text_only:
        argv += ["--language-model-only"]
    argv += ["--max-model-len", str(spec.max_context_tokens or MAX_CONTEXT_THAT_FITS)]
    argv += _build_memory_flags(spec, kv_cache_gib, memory_fraction)
    if spec.tensor_parallel > 1:
        argv += ["--tensor-parallel-size", str(spec.tensor_parallel)]
    if spec.pipeline_parallel > 1:
        argv += ["--pipeline-parallel-size", str(spec.pipeline_parallel)]
    argv += build_node_flags(spec.options.nodes)
    if spec.kv_cache_dtype != "auto":
        argv += ["--kv-cache-dtype", spec.kv_cache_dtype]
    argv += build_queue_flags(spec)
    argv += _build_conversation_flags(spec)
    if spec.enforce_eager:
        argv += ["--enforce-eager"]
    argv += ["--disable-fastapi-docs", "--disable-uvicorn-access-log", "--no-enable-log-requests"]
    return argv


def _build_format_flags(spec: ModelSpec) -> list[str]:
    """Safetensors or nothing: the engine's own default falls back to pickled weights."""
    if spec.quantization == "bitsandbytes":
        return ["--quantization", "bitsandbytes", "--load-format", "bitsandbytes"]
    return ["--load-format", "safetensors"]


def _build_ranking_flags() -> list[str]:
    """vLLM makes one score of the two words' rows of the output head, and asks as the model was trained to be asked."""
    overrides = {
        "architectures": ["Qwen3ForSequenceClassification"],
        "classifier_from_token": ["no", "yes"],
        "is_original_qwen3_reranker": True,
    }
    return ["--hf-overrides", json.dumps(overrides), "--chat-template", str(RANKING_TEMPLATE)]


def _build_memory_flags(spec: ModelSpec, kv_cache_gib: float, memory_fraction: float | None) -> list[str]:
    if spec.device == "cuda":
        return ["--gpu-memory-utilization", str(memory_fraction or GPU_MEMORY_FRACTION)]
    cache = ["--kv-cache-memory-bytes", str(int(kv_cache_gib * GIB))]
    return ["--gpu-memory-utilization", str(memory_fraction or CPU_MEMORY_FRACTION), *cache]


def _build_conversation_flags(spec: ModelSpec) -> list[str]:
    """Reasoning is kept out of the answer's text, and off unless a request asks for it: on a CPU it takes minutes."""
    flags: list[str] = []
    if spec.purpose != "generation":
        return flags
    flags += build_caching_flags(spec) + build_adapter_flags(spec)
    if spec.tool_parser is not None:
        flags += ["--enable-auto-tool-choice", "--tool-call-parser", spec.tool_parser]
    if spec.reasoning_parser is not None:
        flags += ["--reasoning-parser", spec.reasoning_parser]
        flags += ["--default-chat-template-kwargs", '{"enable_thinking": false}']
    return flags + build_schema_flags(spec.options)


def build_embedder_argv(*, python: Path, port: int, model: str, threads: int | None = None) -> list[str]:
    argv = [str(python), "-m", "inference.serving.embedder"]
    argv += ["--host", LOOPBACK, "--port", str(port), "--model", model]
    return argv if threads is None else [*argv, "--threads", str(threads)]


@dataclass(frozen=True)
class ProxyTls:
    """Files in PEM: who signs clients, and the proxy's own certificate with its key."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


@dataclass(frozen=True)
class FurtherUpstream:
    """A further model behind the proxy: its name, which is part of its paths, and what it is for."""

    name: str
    purpose: Purpose
    url: str

    @property
    def component(self) -> str:
        return f"engine-{self.name}"

    @property
    def word(self) -> str:
        """As the command line has it."""
        return f"{self.name}={self.purpose}={self.url}"


def build_engine_proxy_argv(
    *,
    python: Path,
    host: str,
    port: int,
    engine_url: str | None,
    embedder_url: str | None,
    tls: ProxyTls | None,
    further: Sequence[FurtherUpstream] = (),
    events: Path | None = None,
    drain_seconds: int | None = None,
) -> list[str]:
    """The proxy in front of the models. Beyond loopback it needs ``tls``, which asks clients for a certificate.

    ``events`` is the folder of what happened to the engines, ``drain_seconds`` for answers in progress when it stops.
    """
    if tls is None and host != LOOPBACK:
        raise ValueError(f"engine-proxy on {host} needs TLS with client certificates.")
    argv = [str(python), "-m", "inference.engine_proxy", "--host", host, "--port", str(port)]
    argv += [] if engine_url is None else ["--engine-url", engine_url]
    argv += [] if embedder_url is None else ["--embedder-url", embedder_url]
    for each in further:
        argv += ["--further", each.word]
    argv += [] if events is None else ["--events", str(events)]
    argv += [] if drain_seconds is None else ["--drain-seconds", str(drain_seconds)]
    if tls is not None:
        argv += ["--ca-file", str(tls.ca_file), "--certificate-file", str(tls.certificate_file)]
        argv += ["--key-file", str(tls.key_file)]
    return argv
