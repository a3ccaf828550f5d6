"""Who is measured when, and with which words of vLLM's: pure, so that tests compare whole lines."""

import json
from collections.abc import Sequence

from inference.benching.request import Load, Target
from inference.benching.target import Served

ENDPOINT = "/v1/chat/completions"


def order(targets: Sequence[Target], number: int) -> list[Target]:
    """Round ``number``: another way comes first in each, so that none always has the warmer machine."""
    first = number % len(targets)
    return [*targets[first:], *targets[:first]]


def build_argv(target: Target, served: Served, load: Load, *, salt: str) -> list[str]:
    """vLLM's flags of ``bench serve``. ``salt`` keeps each run apart from what the engine keeps of the ones before it:
    the same prompts would otherwise be read the first time only."""
    return [
        "--backend", "openai-chat", "--base-url", target.url, "--endpoint", ENDPOINT,
        "--model", served.model, "--tokenizer", str(served.tokenizer),
        "--dataset-name", "random", "--random-input-len", str(load.input_tokens),
        "--random-output-len", str(load.output_tokens), "--num-prompts", str(load.prompts),
        "--max-concurrency", str(load.concurrency), "--seed", str(load.seed), "--temperature", "0", "--ignore-eos",
        "--extra-body", json.dumps({"cache_salt": salt}), "--percentile-metrics", "ttft,tpot,itl,e2el",
        "--metric-percentiles", "99", "--disable-tqdm", "--save-detailed",
    ]  # fmt: skip
