"""Build a checkpoint that recites one sentence, whatever it is asked. Authored: it shows nothing about any model.

Random weights never cite a source, and the way of a cited answer across two hosts has to be tried with the real engine.
Attention and feed-forward layers give nothing, so the next token follows from the current one alone, and the output
layer maps each token of the sentence to its successor. Runs in the inference environment.
"""

import argparse
import json
import os
import shutil
from itertools import pairwise
from pathlib import Path

import torch
from tokenizers import AddedToken
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.engines.tiny import DIMENSIONS, VOCABULARY, train_tokenizer

NAME = "reciting-llama"
RECIPE = 2  # grows when the checkpoint would come out different
LAST_NUMBER = 640  # long enough that an answer has a middle in which something can happen
CERTAINTY = 4.0
# As the template of the family, but what is generated follows a token that is always the same.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>{% endif %}"
)
FIRST = "<|end_header_id|>"


def build_sentence() -> list[str]:
    """The sentence in tokens, no two alike, with a citation of the first passage at its end."""
    words = "Recited by an authored checkpoint: the documents of this appliance say so, counted from one onwards:"
    opening = [word if index == 0 else f" {word}" for index, word in enumerate(words.split(" "))]
    numbers = [f" {number}," for number in range(1, LAST_NUMBER)]
    return [*dict.fromkeys(opening), *numbers, f" {LAST_NUMBER}", " [1]", "."]


def ensure_reciting_checkpoint(folder: Path) -> Path:
    """Return ``folder/reciting-llama``, built there when it is missing or of an older recipe."""
    target, recipe = folder / NAME, {"recipe": RECIPE}
    if (target / "recipe.json").exists() and json.loads((target / "recipe.json").read_text()) == recipe:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{NAME}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    _save(draft)
    (draft / "recipe.json").write_text(json.dumps(recipe))
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    return target


def _save(target: Path) -> None:
    sentence = build_sentence()
    assert len(set(sentence)) == len(sentence), "each token has one successor"
    tokenizer = train_tokenizer("llama")
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in sentence])
    tokenizer.chat_template = CHAT_TEMPLATE
    model = _build_model(tokenizer, sentence)
    model.save_pretrained(target, safe_serialization=True)
    tokenizer.save_pretrained(target)
    for path in target.iterdir():
        path.chmod(0o644)  # the engine may run as another user


def _build_model(tokenizer: PreTrainedTokenizerFast, sentence: list[str]) -> LlamaForCausalLM:
    config = LlamaConfig(
        **DIMENSIONS,
        vocab_size=VOCABULARY + len(sentence),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    torch.manual_seed(20)
    model = LlamaForCausalLM(config)
    chain = tokenizer.convert_tokens_to_ids([FIRST, *sentence])
    chain.append(tokenizer.eos_token_id)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embeddings = torch.nn.functional.normalize(torch.randn_like(model.model.embed_tokens.weight), dim=1)
        model.model.embed_tokens.weight.copy_(embeddings)
        model.lm_head.weight.zero_()
        for current, following in pairwise(chain):
            model.lm_head.weight[following] = CERTAINTY * embeddings[current]
    return model.to(torch.bfloat16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    print(json.dumps({NAME: str(ensure_reciting_checkpoint(parser.parse_args().folder))}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
