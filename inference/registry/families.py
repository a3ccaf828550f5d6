"""The model families the appliance serves, and what the engine must be told about each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """``tool_parser`` and ``reasoning_parser`` are names of the engine's; None means it needs none."""

    name: str
    architectures: tuple[str, ...]
    tool_parser: str
    reasoning_parser: str | None = None


FAMILIES = (
    Family(name="llama", architectures=("LlamaForCausalLM",), tool_parser="llama3_json"),
    Family(name="mistral", architectures=("MistralForCausalLM",), tool_parser="mistral"),
    Family(name="qwen2", architectures=("Qwen2ForCausalLM",), tool_parser="hermes"),
    Family(
        name="qwen3",
        architectures=("Qwen3ForCausalLM", "Qwen3MoeForCausalLM"),
        tool_parser="qwen3_json",
        reasoning_parser="qwen3",
    ),
)


def find_family(*, architecture: str) -> Family | None:
    return next((family for family in FAMILIES if architecture in family.architectures), None)


def get_family(*, name: str) -> Family:
    return next(family for family in FAMILIES if family.name == name)
