"""The whole line for every family, format and device, from a model directory on the disk."""

import json
from pathlib import Path
from typing import Any

import pytest

from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.choice import ModelWish, build_directory_spec
from inference.registry.spec import Device
from inference.serving.argv import build_engine_argv
from tests.unit.inference.test_checkpoint import write_safetensors

ARCHITECTURES = {"llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen3": "Qwen3ForCausalLM"}
TOKENS = {"llama": ("<|python_tag|>",), "mistral": ("[TOOL_CALLS]",), "qwen3": ("<tool_call>", "</think>")}


def compressed(kind: str, bits: int) -> dict[str, Any]:
    weights = {"type": kind, "num_bits": bits}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}


QUANTIZATION: dict[str, dict[str, Any] | None] = {
    "bf16": None,
    "bnb-nf4": None,
    "bnb-nf4, stored": {"quant_method": "bitsandbytes", "load_in_4bit": True},
    "w4a16": compressed("int", 4),
    "fp8": compressed("float", 8),
    "int8": compressed("int", 8),
}
PLAIN = "--load-format safetensors"
FOUR_BIT = "--quantization bitsandbytes --load-format bitsandbytes"
LOADING = {  # compressed-tensors are told by the checkpoint itself
    "bf16": PLAIN, "bnb-nf4": FOUR_BIT, "bnb-nf4, stored": FOUR_BIT, "w4a16": PLAIN, "fp8": PLAIN, "int8": PLAIN,
}  # fmt: skip
RUNNING: dict[Device, str] = {
    "cpu": (
        "--gpu-memory-utilization 0.5 --kv-cache-memory-bytes 1073741824 --max-num-seqs 8 --max-num-queued-reqs 64 "
        "--enable-prefix-caching"
    ),
    "cuda": "--gpu-memory-utilization 0.9 --max-num-seqs 128 --max-num-queued-reqs 1024 --enable-prefix-caching",
}
TALKING = {
    "llama": "--enable-auto-tool-choice --tool-call-parser llama3_json",
    "mistral": "--enable-auto-tool-choice --tool-call-parser mistral",
    "qwen3": (
        "--enable-auto-tool-choice --tool-call-parser qwen3_json --reasoning-parser qwen3 "
        '--default-chat-template-kwargs {"enable_thinking": false}'
    ),
}


def write_model(folder: Path, family: str, format_: str) -> Path:
    folder.mkdir()
    config: dict[str, Any] = {"architectures": [ARCHITECTURES[family]]}
    if quantization := QUANTIZATION[format_]:
        config["quantization_config"] = quantization
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors")
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": TOKENS[family]}))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


@pytest.mark.parametrize("device", list(RUNNING))
@pytest.mark.parametrize("format_", list(QUANTIZATION))
@pytest.mark.parametrize("family", list(ARCHITECTURES))
def test_engine_argv_of_a_directory_is_this_whole_line(
    tmp_path: Path, family: str, format_: str, device: Device
) -> None:
    folder = write_model(tmp_path / "m", family, format_)
    wish = ModelWish(path=folder, name="named", quantization="bitsandbytes" if format_ == "bnb-nf4" else None)
    spec = build_directory_spec(wish, inspect_checkpoint(folder), device)
    assert " ".join(build_engine_argv(spec, python=Path("/py"), port=8410)) == (
        "/py -m vllm.entrypoints.openai.api_server --host 127.0.0.1 --port 8410 "
        f"--model {folder} --served-model-name named {LOADING[format_]} --max-model-len auto {RUNNING[device]} "
        f"{TALKING[family]} --disable-fastapi-docs --disable-uvicorn-access-log --no-enable-log-requests"
    )
