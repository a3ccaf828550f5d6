"""The tensors of a model directory, from the headers of its safetensors files: nothing is loaded."""

import json
from dataclasses import dataclass
from pathlib import Path

from inference.registry.weights import BITS


@dataclass(frozen=True)
class Tensor:
    """``kind`` is the format's name of the element, such as BF16; ``shape`` is [rows, columns] for a matrix."""

    file: str
    kind: str
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        size = BITS[self.kind]
        for length in self.shape:
            size *= length
        return size // 8


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """By name. The directory was verified: headers are taken at their word here."""
    found: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        header.pop("__metadata__", None)
        found |= {name: Tensor(file.name, of["dtype"], tuple(of["shape"])) for name, of in header.items()}
    return found
