"""Small model directories, whole enough to be imported; nothing in them is a real model."""

import json
import struct
from pathlib import Path
from typing import Any

from inference.registry.errors import CheckpointError

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
CARD = "---\nlicense: apache-2.0\n---\n# Small\n"


def write_shard(path: Path, header: dict[str, Any], *, data: int) -> None:
    """A safetensors file with this header and so many bytes of tensors."""
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(data))


def tensor(start: int, stop: int, **changes: object) -> dict[str, Any]:
    return {"dtype": "U8", "shape": [stop - start], "data_offsets": [start, stop], **changes}


def write_model(folder: Path, *, name_word: str = "small", data: int = 8) -> Path:
    """Two shards with an index, a tokenizer with a chat template, and a card."""
    folder.mkdir(parents=True, mode=0o755)
    (folder / "config.json").write_text(json.dumps({"architectures": ["Qwen3ForCausalLM"], "name": name_word}))
    write_shard(folder / FIRST, {"a": tensor(0, data), "b": tensor(data, 2 * data)}, data=2 * data)
    write_shard(folder / SECOND, {"c": tensor(0, data)}, data=data)
    index = {"metadata": {"total_size": 3 * data}, "weight_map": {"a": FIRST, "b": FIRST, "c": SECOND}}
    (folder / INDEX).write_text(json.dumps(index))
    (folder / "tokenizer.json").write_text('{"added_tokens": ["<tool_call>"]}')
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (folder / "README.md").write_text(CARD)
    for file in folder.iterdir():
        file.chmod(0o644)
    return folder


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes: compared before and after."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


Refusal = type[CheckpointError]
