"""The model families the appliance serves, and what the engine must be told about each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineParser:
    """One of the engine's parsers. It refuses to start with a tokenizer that does not know ``token``."""

    name: str
    token: str


@dataclass(frozen=True)
class Family:
    name: str
    architectures: tuple[str, ...]
    tools: EngineParser
    reasoning: EngineParser | None = None


FAMILIES = (
    Family(
        name="llama",
        architectures=("LlamaForCausalLM",),
        tools=EngineParser("llama3_json", "<|python_tag|>"),  # since Llama 3.1
    ),
    Family(
        name="llama4",
        architectures=("Llama4ForCausalLM", "Llama4ForConditionalGeneration"),
        tools=EngineParser("llama4_pythonic", "<|python_start|>"),
    ),
    Family(
        name="mistral",
        architectures=("MistralForCausalLM", "Ministral3ForCausalLM", "Mistral3ForConditionalGeneration"),
        tools=EngineParser("mistral", "[TOOL_CALLS]"),
    ),
    Family(
        name="qwen2",
        architectures=("Qwen2ForCausalLM",),
        tools=EngineParser("hermes", "<tool_call>"),
    ),
    Family(
        name="qwen3",
        architectures=("Qwen3ForCausalLM", "Qwen3MoeForCausalLM", "Qwen3NextForCausalLM"),
        tools=EngineParser("qwen3_json", "<tool_call>"),
        reasoning=EngineParser("qwen3", "</think>"),
    ),
    Family(  # and Qwen3.6 and Qwen3.8
        name="qwen3.5",
        architectures=(
            "Qwen3_5ForCausalLM",
            "Qwen3_5ForConditionalGeneration",
            "Qwen3_5MoeForCausalLM",
            "Qwen3_5MoeForConditionalGeneration",
        ),
        tools=EngineParser("qwen3_coder", "<tool_call>"),
        reasoning=EngineParser("qwen3", "</think>"),
    ),
)
TEXT_AND_PICTURES = "ForConditionalGeneration"  # how the hub's library ends the names of such classes


@dataclass(frozen=True)
class PoolingFamily:
    """Models that write nothing: they turn text into one vector, or into one score. ``is_bidirectional``: they look at
    a text once, in both directions, and keep nothing of it."""

    name: str
    embedding: tuple[str, ...] = ()
    reranking: tuple[str, ...] = ()
    is_bidirectional: bool = True


POOLING_FAMILIES = (
    PoolingFamily("bert", ("BertModel",), ("BertForSequenceClassification",)),
    PoolingFamily(
        "roberta",
        ("RobertaModel", "XLMRobertaModel"),
        ("RobertaForSequenceClassification", "XLMRobertaForSequenceClassification"),
    ),
    PoolingFamily("modernbert", ("ModernBertModel",), ("ModernBertForSequenceClassification",)),
    PoolingFamily("llama", (), ("LlamaForSequenceClassification",), is_bidirectional=False),
    PoolingFamily("qwen2", (), ("Qwen2ForSequenceClassification",), is_bidirectional=False),
    PoolingFamily("qwen3", (), ("Qwen3ForSequenceClassification",), is_bidirectional=False),
)


def find_pooling_family(*, architecture: str) -> PoolingFamily | None:
    known = (family for family in POOLING_FAMILIES if architecture in (*family.embedding, *family.reranking))
    return next(known, None)


def reads_pictures(architecture: str) -> bool:
    """Whether a model of this class takes pictures too; of these only the part that reads and writes text is served."""
    return architecture.endswith(TEXT_AND_PICTURES)


def find_family(*, architecture: str) -> Family | None:
    return next((family for family in FAMILIES if architecture in family.architectures), None)


def get_family(*, name: str) -> Family:
    return next(family for family in FAMILIES if family.name == name)
