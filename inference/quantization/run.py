"""Quantise what a job names: ``python -m inference.quantization.run --job FILE``, in the environment ``quantize``.

Says how far it is in lines of JSON on standard output; libraries' own words go to standard error. Ends when its
standard input closes, which is when whoever started it is gone. A file of the result gets its name when it is whole and
on the disk, and is never made again: after a kill the same job goes on.
"""

import argparse
import json
import os
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from typing import IO

from inference.quantization.job import Job, parse_job
from inference.quantization.pieces import build_pieces, list_unfinished
from inference.quantization.recipes import RECIPES
from inference.quantization.tensors import read_tensors

TOOLS = ("llmcompressor", "compressed-tensors", "bitsandbytes", "transformers", "torch")
INDEX = "model.safetensors.index.json"
STARTER_GONE = 3


class Channel:
    """What whoever started this reads. Everything else that is printed goes to standard error."""

    def __init__(self) -> None:
        self._stream: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def say(self, event: str, **detail: object) -> None:
        self._stream.write(json.dumps({"event": event, **detail}) + "\n")
        self._stream.flush()


def run(job: Job, channel: Channel) -> None:
    parent, output = Path(job.parent), Path(job.output)
    tensors = read_tensors(parent)
    pieces = build_pieces(tensors)
    unfinished = list_unfinished(pieces, output)
    total, left = (sum(piece.source_bytes for piece in of) for of in (pieces, unfinished))
    channel.say(
        "begin", pieces=len(pieces), finished=len(pieces) - len(unfinished), bytes=total, left_bytes=left
    )  # fmt: skip
    from inference.quantization.working import work_off  # torch takes seconds: what is known is said before

    tokens = work_off(job, unfinished, tensors, channel)
    from inference.quantization.converting import write_config

    write_index(output)
    write_config(parent / "config.json", output / "config.json", RECIPES[job.recipe])
    channel.say("end", tools={name: version(name) for name in TOOLS}, tokens=tokens)


def write_index(output: Path) -> None:
    written = read_tensors(output)
    total = sum(tensor.size_bytes for tensor in written.values())
    weight_map = {name: written[name].file for name in sorted(written)}
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=2) + "\n"
    (output / INDEX).write_text(text, encoding="utf-8")


def _end_with_starter() -> None:
    sys.stdin.read()
    os._exit(STARTER_GONE)


def main() -> int:
    parser = argparse.ArgumentParser(description="Quantise what a job names.")
    parser.add_argument("--job", type=Path, required=True)
    job = parse_job(parser.parse_args().job.read_text(encoding="utf-8"))
    threading.Thread(target=_end_with_starter, daemon=True).start()
    channel = Channel()
    try:
        run(job, channel)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        channel.say("failed", errno=error.errno, words=f"{where}{error.strerror or error}.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
