"""The pieces of a job that are missing, one after another. Everything here and below needs torch."""

from collections.abc import Sequence
from pathlib import Path

import torch

from inference.quantization.calibrated import run_calibrated
from inference.quantization.converting import build_converter
from inference.quantization.job import Job
from inference.quantization.pieces import Piece
from inference.quantization.recipes import RECIPES
from inference.quantization.saving import PART, Says, load_piece, save_tensors
from inference.quantization.tensors import Tensor


def work_off(job: Job, unfinished: Sequence[Piece], tensors: dict[str, Tensor], channel: Says) -> int:
    """The tokens of calibration that were read, 0 where there is none."""
    parent, output, device = Path(job.parent), Path(job.output), choose_device(job)
    for folder in (output, Path(job.scratch)):
        for part in folder.glob(f"*{PART}"):
            part.unlink()
    if job.is_calibrated:
        return run_calibrated(job, unfinished, tensors, channel, device)
    convert = build_converter(RECIPES[job.recipe])
    for piece in unfinished:
        save_tensors(output / piece.file, convert(load_piece(parent, piece, tensors, device)))
        channel.say("piece", file=piece.file, bytes=piece.source_bytes)
    return 0


def choose_device(job: Job) -> torch.device:
    wants_gpu = job.device == "cuda" or (job.device == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if wants_gpu else "cpu")
