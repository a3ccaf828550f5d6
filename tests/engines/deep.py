"""A tiny checkpoint made deep: its first layer again and again, so that work on layers has a middle. Needs no torch."""

import json
import shutil
import struct
from pathlib import Path

FIRST = "model.layers.0."
LAYERS = "model.layers."
WEIGHTS = "model.safetensors"


def build_deep_checkpoint(tiny: Path, target: Path, *, layers: int) -> Path:
    """``target``, a copy of ``tiny`` with so many layers."""
    shutil.copytree(tiny, target)
    config = json.loads((tiny / "config.json").read_text())
    config["num_hidden_layers"] = layers
    if config.get("layer_types"):
        config["layer_types"] = config["layer_types"][:1] * layers
    (target / "config.json").write_text(json.dumps(config))
    raw = (tiny / WEIGHTS).read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    header.pop("__metadata__", None)
    chunks: list[bytes] = []
    placed: dict[str, object] = {}
    end = 0
    for name, source in _list_tensors(list(header), layers):
        start, stop = header[source]["data_offsets"]
        chunks.append(data[start:stop])
        placed[name] = {**header[source], "data_offsets": [end, end + stop - start]}
        end += stop - start
    new = json.dumps(placed).encode()
    new += b" " * (-len(new) % 8)
    (target / WEIGHTS).write_bytes(struct.pack("<Q", len(new)) + new + b"".join(chunks))
    return target


def _list_tensors(names: list[str], layers: int) -> list[tuple[str, str]]:
    """Each name of the deep model with the tiny one's tensor that it is."""
    outside = [(name, name) for name in names if not name.startswith(LAYERS)]
    first = [name for name in names if name.startswith(FIRST)]
    inside = [(f"{LAYERS}{number}.{name.removeprefix(FIRST)}", name) for number in range(layers) for name in first]
    return outside + inside
