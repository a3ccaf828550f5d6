"""The flags of what an operator may set of how the engine runs. Pure."""

import json
from typing import Any

from inference.registry.options import Nodes, Options
from inference.registry.spec import ModelSpec

MAX_RUNNING = {"cpu": 8, "cuda": 128}
MAX_WAITING = {"cpu": 56, "cuda": 896}
LONGEST_MATCH = 4  # words of the conversation's end that are looked for earlier in it
SHORTEST_MATCH = 2


def build_queue_flags(spec: ModelSpec) -> list[str]:
    """vLLM counts what runs as queued too, and answers 503 to what is beyond the limit."""
    options = spec.options
    running = MAX_RUNNING[spec.device] if options.max_running is None else options.max_running
    waiting = MAX_WAITING[spec.device] if options.max_waiting is None else options.max_waiting
    flags = ["--max-num-seqs", str(running), "--max-num-queued-reqs", str(running + waiting)]
    if options.max_waiting_tokens is not None:
        flags += ["--max-num-queued-tokens", str(options.max_waiting_tokens)]
    return flags


def build_caching_flags(spec: ModelSpec) -> list[str]:
    """Said either way: vLLM's default differs between models and releases."""
    options = spec.options
    flags = ["--enable-prefix-caching" if options.prefix_caching else "--no-enable-prefix-caching"]
    if options.speculative is not None:
        flags += ["--speculative-config", build_speculative_config(spec)]
    return flags


def build_node_flags(nodes: Nodes) -> list[str]:
    """The same line on every machine, but for its rank."""
    if nodes.count == 1:
        return []
    flags = ["--distributed-executor-backend", "mp", "--nnodes", str(nodes.count), "--node-rank", str(nodes.rank)]
    flags += ["--master-addr", str(nodes.head_address), "--master-port", str(nodes.port)]
    return [*flags, "--headless"] if nodes.is_headless else flags


def build_adapter_flags(spec: ModelSpec) -> list[str]:
    """As many in memory as there are: none is read from the disk again after it was verified. As JSON, because a path
    may hold a comma."""
    adapters = spec.options.adapters
    if not adapters:
        return []
    assert spec.adapter_rank is not None, "adapters are inspected before they are served"
    modules = [json.dumps({"name": each.name, "path": str(each.path)}) for each in adapters]
    room = ["--max-loras", str(len(adapters)), "--max-lora-rank", str(spec.adapter_rank)]
    return ["--enable-lora", *room, "--lora-modules", *modules]


def build_speculative_config(spec: ModelSpec) -> str:
    """Both fields of a match are said, because vLLM's default takes five words only. It loads a draft model by the
    model's load format, and that of bitsandbytes reads nothing else."""
    guessing = spec.options.speculative
    assert guessing is not None
    config: dict[str, Any] = {"method": guessing.method, "num_speculative_tokens": guessing.tokens}
    if guessing.method == "ngram":
        config |= {"prompt_lookup_max": LONGEST_MATCH, "prompt_lookup_min": SHORTEST_MATCH}
    else:
        config["model"] = str(guessing.draft)
        if spec.quantization == "bitsandbytes":
            config["quantization"] = spec.quantization
    return json.dumps(config)


def build_schema_flags(options: Options) -> list[str]:
    """One backend for every schema, or vLLM's own choice. A named one writes JSON without blanks between its parts,
    which a small model can otherwise go on writing until its tokens end."""
    if options.structured_outputs == "auto":
        return []
    config = {"backend": options.structured_outputs, "disable_any_whitespace": True}
    return ["--structured-outputs-config", json.dumps(config)]
