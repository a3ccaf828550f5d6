import json
from dataclasses import replace
from pathlib import Path

import pytest

from inference.registry.errors import NotFetchedError
from inference.registry.families import FAMILIES, get_family
from inference.registry.options import NamedAdapter, Nodes, Options, Speculative
from inference.registry.spec import Device, ModelSpec
from inference.serving.argv import RANKING_TEMPLATE, build_embedder_argv, build_engine_argv

SNAPSHOT = Path(__file__).parents[2] / "serving" / "parser_flags.json"
EVERYTHING = Options(
    speculative=Speculative("draft_model", 4, Path("/models/draft")),
    structured_outputs="xgrammar",
    max_waiting_tokens=1,
    adapters=(NamedAdapter("style", Path("/models/style")),),
    nodes=Nodes(2, 1, "192.0.2.1", "192.0.2.2", "ens5"),
)


def build_spec(family: str, device: Device = "cpu") -> ModelSpec:
    known = get_family(name=family)
    return ModelSpec(
        name=f"{family} model",
        source="directory",
        device=device,
        path=Path(f"/models/{family}"),
        family=family,
        served_name=family,
        tool_parser=known.tools.name,
        reasoning_parser=known.reasoning.name if known.reasoning else None,
    )


def line(spec: ModelSpec, **more: float) -> str:
    return " ".join(build_engine_argv(spec, python=Path("/py"), port=8410, **more))


TAIL = "--disable-fastapi-docs --disable-uvicorn-access-log --no-enable-log-requests"
CPU = "--gpu-memory-utilization 0.5 --kv-cache-memory-bytes 1073741824 --max-num-seqs 8 --max-num-queued-reqs 64"
CUDA = "--gpu-memory-utilization 0.9 --max-num-seqs 128 --max-num-queued-reqs 1024"


def head(name: str) -> str:
    server = "/py -m vllm.entrypoints.openai.api_server --host 127.0.0.1 --port 8410"
    return f"{server} --model /models/{name} --served-model-name {name}"


LLAMA = "--enable-prefix-caching --enable-auto-tool-choice --tool-call-parser llama3_json"
MISTRAL = "--enable-prefix-caching --enable-auto-tool-choice --tool-call-parser mistral"
QWEN2 = "--enable-prefix-caching --enable-auto-tool-choice --tool-call-parser hermes"
QWEN3 = (
    "--enable-prefix-caching --enable-auto-tool-choice --tool-call-parser qwen3_json "
    '--reasoning-parser qwen3 --default-chat-template-kwargs {"enable_thinking": false}'
)
BY_WORDS = (
    '--hf-overrides {"architectures": ["Qwen3ForSequenceClassification"], "classifier_from_token": ["no", "yes"], '
    f'"is_original_qwen3_reranker": true}} --chat-template {RANKING_TEMPLATE}'
)
PLAIN = "--load-format safetensors --max-model-len auto"
FOUR_BIT = "--quantization bitsandbytes --load-format bitsandbytes --max-model-len auto"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (build_spec("llama"), f"{head('llama')} {PLAIN} {CPU} {LLAMA} {TAIL}"),
        (build_spec("mistral", "cuda"), f"{head('mistral')} {PLAIN} {CUDA} {MISTRAL} {TAIL}"),
        (build_spec("qwen2"), f"{head('qwen2')} {PLAIN} {CPU} {QWEN2} {TAIL}"),
        (
            replace(build_spec("qwen3", "cuda"), max_context_tokens=16384),
            f"{head('qwen3')} --load-format safetensors --max-model-len 16384 {CUDA} {QWEN3} {TAIL}",
        ),
        (
            ModelSpec("m", "directory", "cuda", Path("/models/m"), served_name="m", purpose="embedding"),
            f"{head('m')} --load-format safetensors --runner pooling --max-model-len auto {CUDA} {TAIL}",
        ),
        (
            replace(ModelSpec("r", "directory", "cpu", Path("/models/r")), purpose="reranking"),
            f"{head('r')} --load-format safetensors --runner pooling --max-model-len auto {CPU} {TAIL}",
        ),
        (
            replace(build_spec("mistral", "cuda"), text_only=True),
            f"{head('mistral')} {PLAIN.replace(' --max', ' --language-model-only --max')} {CUDA} {MISTRAL} {TAIL}",
        ),
        (
            replace(build_spec("qwen3"), purpose="reranking", ranks_by_words=True),
            f"{head('qwen3')} --load-format safetensors --runner pooling {BY_WORDS} --max-model-len auto {CPU} {TAIL}",
        ),
        (
            replace(build_spec("qwen3"), purpose="embedding"),
            f"{head('qwen3')} --load-format safetensors --runner pooling --max-model-len auto {CPU} {TAIL}",
        ),
        (
            replace(build_spec("llama"), quantization="bitsandbytes"),
            f"{head('llama')} {FOUR_BIT} {CPU} {LLAMA} {TAIL}",
        ),
    ],
)
def test_engine_argv_is_this_whole_line(spec: ModelSpec, expected: str) -> None:
    assert line(spec) == expected


def test_engine_argv_takes_memory_from_the_caller_and_eager_mode_from_the_spec() -> None:
    changed = line(replace(build_spec("llama"), enforce_eager=True), kv_cache_gib=0.5, memory_fraction=0.3)
    assert "--gpu-memory-utilization 0.3 --kv-cache-memory-bytes 536870912" in changed
    assert "--enforce-eager" in changed


def test_engine_argv_of_a_model_not_here_is_refused() -> None:
    with pytest.raises(NotFetchedError, match="fetch it first"):
        line(replace(build_spec("llama"), path=None))


def test_every_flag_is_known_to_the_pinned_parser() -> None:
    known = set(json.loads(SNAPSHOT.read_text())["flags"])
    emitted: set[str] = set()
    devices: tuple[Device, ...] = ("cpu", "cuda")
    for family in FAMILIES:
        for device in devices:
            spec = build_spec(family.name, device)
            parallel = replace(spec, tensor_parallel=2, kv_cache_dtype="fp8")
            pooling = replace(spec, purpose="reranking", ranks_by_words=True, text_only=True)
            eager = replace(spec, quantization="bitsandbytes", enforce_eager=True)
            everything = replace(spec, options=EVERYTHING, adapter_rank=8, pipeline_parallel=2)
            more = (everything, replace(spec, options=Options(prefix_caching=False)))
            for variant in (spec, parallel, pooling, eager, *more):
                argv = build_engine_argv(variant, python=Path("/py"), port=1)
                emitted |= {word for word in argv if word.startswith("--")}
    assert emitted - known == set()
    assert {"--lora-modules", "--headless", "--speculative-config", "--pipeline-parallel-size"} < emitted


def test_engine_argv_never_trusts_code_or_listens_beyond_loopback() -> None:
    argv = build_engine_argv(build_spec("llama"), python=Path("/py"), port=1)
    assert "--trust-remote-code" not in argv
    assert argv[argv.index("--host") + 1] == "127.0.0.1"


def test_embedder_argv_is_this_whole_line() -> None:
    argv = build_embedder_argv(python=Path("/py"), port=8420, model="all-MiniLM-L6-v2", threads=2)
    assert " ".join(argv) == (
        "/py -m inference.serving.embedder --host 127.0.0.1 --port 8420 --model all-MiniLM-L6-v2 --threads 2"
    )


def test_engine_on_several_gpus_with_a_small_cache_says_both() -> None:
    spec = replace(build_spec("mistral", "cuda"), tensor_parallel=2, kv_cache_dtype="fp8")
    both = CUDA.replace(" --max-num-seqs", " --tensor-parallel-size 2 --kv-cache-dtype fp8 --max-num-seqs")
    assert line(spec) == f"{head('mistral')} {PLAIN} {both} {MISTRAL} {TAIL}"
