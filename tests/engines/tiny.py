"""Build tiny checkpoints with random weights that vLLM serves like real ones. Runs in the inference environment.

Two layers, 256 wide, a byte-level BPE tokenizer trained on ``tiny_text.md`` and a chat template. They talk nonsense:
they prove plumbing, and their output is never shown to anybody as an answer.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

FAMILIES = ("llama", "mistral", "qwen3")
VOCABULARY = 1024
RECIPE = 4  # grows when a checkpoint of the same name would come out different
DIMENSIONS = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": 16384,
}
NARROW = {  # for what a CPU multiplies slowly: a tenth of the numbers
    **DIMENSIONS,
    "hidden_size": 128,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}
ARCHITECTURES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "mistral": (MistralConfig, MistralForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
}
# Begin of text, end of a turn, padding; then what the family's template needs.
SPECIAL_TOKENS = {
    "llama": (
        "<|begin_of_text|>",
        "<|eot_id|>",
        "<|pad|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|python_tag|>",
    ),
    "mistral": ("<s>", "</s>", "<pad>", "[INST]", "[/INST]", "[TOOL_CALLS]"),
    "qwen3": (
        "<|endoftext|>",
        "<|im_end|>",
        "<|pad|>",
        "<|im_start|>",
        "<think>",
        "</think>",
        "<tool_call>",
        "</tool_call>",
    ),
}
CHAT_TEMPLATES = {
    "llama": (
        "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
        "{{ m['content'] }}<|eot_id|>{% endfor %}"
        "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
    ),
    "mistral": (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %}{{ m['content'] }}{{ eos_token }}"
        "{% else %}[INST]{{ m['content'] }}[/INST]{% endif %}{% endfor %}"
    ),
    "qwen3": (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
}


OWN_SETTINGS: dict[str, dict[str, object]] = {
    "llama": {},
    "mistral": {"sliding_window": None},  # as in every Mistral since 7B v0.2; the library's default is the first one's
    "qwen3": {"tie_word_embeddings": True},
}


def ensure_checkpoint(family: str, folder: Path, *, narrow: bool = False) -> Path:
    """Return ``folder/tiny-<family>``, built there when it is missing or of an older recipe."""
    target = folder / f"tiny-{family}{'-narrow' if narrow else ''}"
    marker = target / "recipe.json"
    if marker.exists() and json.loads(marker.read_text()) == {"recipe": RECIPE}:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{target.name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    _save_checkpoint(family, draft, NARROW if narrow else DIMENSIONS)
    (draft / "recipe.json").write_text(json.dumps({"recipe": RECIPE}))
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    return target


def _save_checkpoint(family: str, target: Path, dimensions: dict[str, int]) -> None:
    tokenizer = train_tokenizer(family)
    config_class, model_class = ARCHITECTURES[family]
    config = config_class(
        **dimensions,
        vocab_size=VOCABULARY,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **{"tie_word_embeddings": False, **OWN_SETTINGS[family]},
    )
    torch.manual_seed(20)
    model = model_class(config).to(torch.bfloat16)
    model.save_pretrained(target, safe_serialization=True)
    tokenizer.save_pretrained(target)
    for path in target.iterdir():
        path.chmod(0o644)  # the engine may run as another user


def train_tokenizer(family: str) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = SPECIAL_TOKENS[family]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(Path(__file__).with_name("tiny_text.md"))], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=special[0],
        eos_token=special[1],
        pad_token=special[2],
        chat_template=CHAT_TEMPLATES[family],
        model_max_length=DIMENSIONS["max_position_embeddings"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--family", choices=FAMILIES, action="append")
    parser.add_argument("--narrow", action="store_true", help="a tenth of the numbers, beside the usual ones")
    arguments = parser.parse_args()
    built = {
        family: str(ensure_checkpoint(family, arguments.folder, narrow=arguments.narrow))
        for family in arguments.family or FAMILIES
    }
    print(json.dumps(built))  # noqa: T201 - the answer of this program


if __name__ == "__main__":
    main()
