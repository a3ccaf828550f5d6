"""What the tier for GPUs stands on: ``python -m tests.gpu.ground`` says in a sentence what is missing, and fails."""

import os
import sys
from pathlib import Path

from inference.registry.machine import list_gpus
from tests.engines.launch import INFERENCE_PYTHON

VARIABLE = "GPU_MODEL"


def find_lack(folder: str | None) -> str:
    """Empty where the tier can run. ``folder`` is the model's directory."""
    if not list_gpus():
        return "There is no NVIDIA GPU on this machine: nothing that needs one was tested."
    if not folder:
        return f"Name a model directory that fits the GPU: make test-gpu {VARIABLE}=folder."
    if not (Path(folder) / "config.json").is_file():
        return f"{folder} is not a model directory: it has no config.json."
    if not any(INFERENCE_PYTHON.parent.parent.glob("lib/python3.*/site-packages/vllm-[0-9]*")):
        return "The inference environment holds vLLM's CPU build: set device to cuda, then make environments."
    return ""


def find_model() -> str | None:
    return os.environ.get(VARIABLE)


def main() -> int:
    lack = find_lack(find_model())
    if lack:
        sys.stderr.write(f"{lack}\n")
    return 1 if lack else 0


if __name__ == "__main__":
    sys.exit(main())
