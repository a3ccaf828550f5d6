"""What vLLM says in many lines when it ends, in one sentence with what to do. Pure.

Each pattern is of one line that vLLM 0.32 or PyTorch writes; where none is there, nothing is said.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """``words`` has the pattern's groups between braces."""

    pattern: str
    words: str


REASONS = (
    Reason(
        r"model's max seq len \((?P<asked>\d+)\), \((?P<needed>[\d.]+) GiB KV cache is needed, which is larger than "
        r"the available KV cache memory \((?P<there>[\d.]+) GiB\)(?:.*maximum model length is (?P<longest>\d+))?",
        "A conversation of {asked} tokens needs {needed} GiB of cache and {there} GiB are left: set "
        "model.max_context_tokens to {longest} or less.",
    ),
    Reason(
        r"No available memory for the cache blocks",
        "The weights leave no memory for conversations: choose a smaller or quantised model, more GPUs "
        "(model.tensor_parallel), or a larger model.memory_fraction.",
    ),
    Reason(
        r"User-specified max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len "
        r"\([\w.]+=(?P<longest>[\d.]+)",
        "The model knows {longest} tokens of context, not {asked}: correct model.max_context_tokens.",
    ),
    Reason(
        r"Free memory on device .*\((?P<free>[\d.]+)/(?P<all>[\d.]+) GiB\) on startup",
        "{free} of {all} GiB are free: something else uses the memory. Stop it, or set a smaller "
        "model.memory_fraction.",
    ),
    Reason(
        r"No CUDA GPUs are available|no CUDA-capable device is detected|Found no NVIDIA driver|Can't initialize NVML"
        r"|libcuda\.so\.1: cannot open",
        "No GPU is found any more: nvidia-smi and the kernel's log (journalctl --dmesg, lines with Xid) say more.",
    ),
    Reason(
        r"fallen off the bus|CUDA error: (?:unspecified launch failure|device-side assert|an illegal memory access"
        r"|uncorrectable ECC)",
        "The GPU failed while it computed: the kernel's log (journalctl --dmesg, lines with Xid) says how.",
    ),
    Reason(
        r"CUDA out of memory",
        "The GPU's memory ran out: set a smaller model.memory_fraction, model.max_running or model.max_context_tokens.",
    ),
    Reason(
        r"chat template .*(?:must be provided|not (?:found|allowed|defined))|no default chat template",
        "The model has no chat template: choose its instruct version.",
    ),
)


def explain_line(line: str) -> str | None:
    for reason in REASONS:
        if found := re.search(reason.pattern, line):
            return reason.words.format(**{name: value or "fewer" for name, value in found.groupdict().items()})
    return None


def explain(lines: Iterable[str]) -> str:
    """The first that is known, which is the cause of those after it; empty where none is."""
    return next((words for line in lines if (words := explain_line(line)) is not None), "")
