"""A calibrated run, which a kill does not send back to the start: after each layer, the states that go into the next
one are on the disk before the layer's own file has its name.
"""

import errno
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig

from inference.quantization.job import Calibration, Job
from inference.quantization.layers import States, build_layer, calibrate, propagate, take_tensors
from inference.quantization.pieces import LAYER, Piece
from inference.quantization.recipes import RECIPES
from inference.quantization.saving import Says, load_piece, save_tensors
from inference.quantization.tensors import Tensor

EMBEDDINGS = "model.embed_tokens.weight"
LEAST_TOKENS = 2


def run_calibrated(
    job: Job, unfinished: Sequence[Piece], tensors: dict[str, Tensor], channel: Says, device: torch.device
) -> int:
    """The tokens that were read."""
    assert job.calibration is not None, "a calibrated job"
    parent, output, scratch = Path(job.parent), Path(job.output), Path(job.scratch)
    config = AutoConfig.from_pretrained(parent, trust_remote_code=False)
    torch.manual_seed(job.calibration.seed)
    for piece in unfinished:
        loaded = load_piece(parent, piece, tensors, device)
        number = find_layer(piece)
        if number is None:
            save_tensors(output / piece.file, loaded)
        else:
            states = _read_states(scratch, number) if number else _embed(job, job.calibration, config)
            model = build_layer(config, number, loaded, device)
            calibrate(model, RECIPES[job.recipe], states)
            _write_states(scratch, number + 1, propagate(model, states))
            save_tensors(output / piece.file, take_tensors(model, number, piece.tensors))
            _states_file(scratch, number).unlink(missing_ok=True)
        channel.say("piece", file=piece.file, bytes=piece.source_bytes)
    return int(json.loads((scratch / "tokens.json").read_text()))


def find_layer(piece: Piece) -> int | None:
    """None for what is outside of the layers."""
    found = LAYER.match(piece.tensors[0])
    return int(found.group(1)) if found else None


def _embed(job: Job, calibration: Calibration, config: PretrainedConfig) -> States:
    """The samples as the first layer gets them."""
    parent = Path(job.parent)
    tokenizer = AutoTokenizer.from_pretrained(parent, trust_remote_code=False)
    texts = json.loads(Path(calibration.text).read_text(encoding="utf-8"))
    tokens = [tokenizer(text)["input_ids"][: calibration.max_tokens] for text in texts]
    tokens = [each for each in tokens if len(each) >= LEAST_TOKENS]
    file = next(file for file in sorted(parent.glob("*.safetensors")) if EMBEDDINGS in _list_names(file))
    with safe_open(file, framework="pt") as stream:
        table = stream.get_tensor(EMBEDDINGS)
    table = table.to(torch.bfloat16) if table.dtype == torch.float32 else table
    part = Path(job.scratch) / "tokens.json.part"
    part.write_text(json.dumps(sum(len(each) for each in tokens)))
    part.replace(part.with_suffix(""))
    return [table[torch.tensor(each)] for each in tokens]


def _list_names(file: Path) -> list[str]:
    with safe_open(file, framework="pt") as stream:
        return list(stream.keys())


def _states_file(scratch: Path, number: int) -> Path:
    return scratch / f"into-layer-{number}.safetensors"


def _write_states(scratch: Path, number: int, states: States) -> None:
    save_tensors(_states_file(scratch, number), {f"{index:06}": state for index, state in enumerate(states)})


def _read_states(scratch: Path, number: int) -> States:
    file = _states_file(scratch, number)
    if not file.exists():
        raise FileNotFoundError(
            errno.ENOENT,
            "It was removed, and the layers before it would have to be made again: use --discard",
            str(file),
        )
    with safe_open(file, framework="pt") as stream:
        return [stream.get_tensor(name) for name in sorted(stream.keys())]
