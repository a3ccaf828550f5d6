"""A LoRA adapter made by hand, in the form in which PEFT writes them: no training, and an effect that is seen."""

import json
import random
import struct
from array import array
from pathlib import Path
from typing import Any

RANK = 8
Tensors = dict[str, tuple[tuple[int, ...], bytes]]


def write_adapter(folder: Path, *, rank: int = RANK, layers: int = 2, sides: dict[str, tuple[int, int]] | None = None,
                  strength: float = 0.5, **config: Any) -> Path:  # fmt: skip
    """For the tiny checkpoints: random changes of the query and output projections of every layer."""
    folder.mkdir(parents=True)
    sides = {"self_attn.q_proj": (256, 256), "self_attn.o_proj": (256, 256)} if sides is None else sides
    tensors: Tensors = {}
    for layer in range(layers):
        for module, (inputs, outputs) in sides.items():
            name = f"base_model.model.model.layers.{layer}.{module}"
            tensors[f"{name}.lora_A.weight"] = ((rank, inputs), _draw(rank * inputs, strength))
            tensors[f"{name}.lora_B.weight"] = ((outputs, rank), _draw(outputs * rank, strength))
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    said = {
        "peft_type": "LORA",
        "base_model_name_or_path": None,
        "r": rank,
        "lora_alpha": 2 * rank,
        "target_modules": sorted({module.rpartition(".")[2] for module in sides}),
        "bias": "none",
        "init_lora_weights": True,
    }
    (folder / "adapter_config.json").write_text(json.dumps(said | config))
    for file in folder.iterdir():
        file.chmod(0o644)
    return folder


def write_safetensors(file: Path, tensors: Tensors) -> None:
    header: dict[str, Any] = {}
    place = 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [place, place + len(data)]}
        place += len(data)
    raw = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(raw)) + raw + b"".join(data for _, data in tensors.values()))


def _draw(count: int, strength: float) -> bytes:
    """The same numbers each time, as little-endian 32-bit floats."""
    dice = random.Random(count)  # noqa: S311 - weights, not secrets
    return array("f", (dice.gauss(0, strength) for _ in range(count))).tobytes()
