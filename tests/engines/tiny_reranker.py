"""Build a tiny cross-encoder with random weights, which gives each pair of texts one score. Runs in the inference
environment: ``python -m tests.engines.tiny_reranker --folder F`` prints where it is.

Its scores mean nothing: they prove that pairs go in, and that one number for each comes out.
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import Qwen3Config, Qwen3ForSequenceClassification

from tests.engines.tiny import DIMENSIONS, VOCABULARY, train_tokenizer


def build(target: Path) -> Path:
    target.mkdir(parents=True)
    tokenizer = train_tokenizer("qwen3")
    tokenizer.chat_template = None  # it writes nothing
    config = Qwen3Config(
        **DIMENSIONS, vocab_size=VOCABULARY, tie_word_embeddings=True, num_labels=1,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    torch.manual_seed(20)
    Qwen3ForSequenceClassification(config).to(torch.bfloat16).save_pretrained(target, safe_serialization=True)
    tokenizer.save_pretrained(target)
    for path in target.iterdir():
        path.chmod(0o644)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    print(json.dumps(str(build(parser.parse_args().folder / "tiny-reranker"))))  # noqa: T201 - the answer of this program


if __name__ == "__main__":
    main()
