"""Perplexity of a text by torch alone: what the engine's is compared with. Runs in the inference environment.

Its windows are written down again here, as the loop of the Transformers documentation, and share no code with ours.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--window", type=int, required=True)
    given = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    model = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.bfloat16).eval()
    ids = tokenizer(given.text.read_text(encoding="utf-8"), return_tensors="pt").input_ids
    length, previous_end, found = ids.size(1), 1, []
    for begin in range(0, length, given.window // 2):
        end = min(begin + given.window, length)
        part = ids[:, begin:end]
        with torch.no_grad():
            logprobs = torch.log_softmax(model(part).logits[0].float(), dim=-1)
        for at in range(previous_end - begin, end - begin):
            found.append(float(logprobs[at - 1, part[0, at]]))  # noqa: PERF401 - the loop as it is documented
        previous_end = end
        if end == length:
            break
    mean = -sum(found) / len(found)
    answer = {"tokens": ids[0].tolist(), "logprobs": found, "perplexity": float(torch.exp(torch.tensor(mean)))}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
