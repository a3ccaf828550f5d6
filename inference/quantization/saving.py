"""Reading the tensors of a piece, and putting tensors on the disk: the only place that writes weights."""

import errno
import os
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from inference.quantization.pieces import Piece
from inference.quantization.tensors import Tensor

PART = ".part"


class Says(Protocol):
    def say(self, event: str, **detail: object) -> None: ...


def load_piece(parent: Path, piece: Piece, tensors: dict[str, Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    """32-bit numbers become 16-bit ones, which is what the engine would make of them."""
    loaded: dict[str, torch.Tensor] = {}
    for file in sorted({tensors[name].file for name in piece.tensors}):
        with safe_open(parent / file, framework="pt", device=str(device)) as stream:
            loaded |= {name: stream.get_tensor(name) for name in piece.tensors if tensors[name].file == file}
    return {name: of.to(torch.bfloat16) if of.dtype == torch.float32 else of for name, of in loaded.items()}


def save_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Under its name only when every byte is on the disk. Raises OSError where it has no room."""
    part = path.with_name(path.name + PART)
    whole = {name: of.contiguous().cpu() for name, of in sorted(tensors.items())}
    try:
        save_file(whole, part, metadata={"format": "pt"})
    except SafetensorError as error:  # the library tells a full disk in words only
        if "No space left" in str(error) or "os error 28" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device", str(part)) from None
        if "os error 27" in str(error) or "os error 122" in str(error):
            raise OSError(errno.EDQUOT, "No space left to this user", str(part)) from None
        raise
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
