"""A model directory small enough for a test, with the layers that recipes are about; nothing in it is a real model."""

import json
from pathlib import Path
from typing import Any

from tests.unit.inference.model_folders import CARD, write_shard

WIDTH, HIDDEN, VOCABULARY = 256, 128, 16
CONFIG = {
    "architectures": ["Qwen3ForCausalLM"], "num_hidden_layers": 2, "hidden_size": HIDDEN, "intermediate_size": WIDTH,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64, "vocab_size": VOCABULARY,
    "max_position_embeddings": 1024, "dtype": "bfloat16",
}  # fmt: skip


def list_shapes(layers: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (VOCABULARY, HIDDEN),
        "model.norm.weight": (HIDDEN,),
    }
    for number in range(layers):
        shapes |= {
            f"model.layers.{number}.self_attn.q_proj.weight": (HIDDEN, HIDDEN),
            f"model.layers.{number}.mlp.up_proj.weight": (WIDTH, HIDDEN),
            f"model.layers.{number}.input_layernorm.weight": (HIDDEN,),
        }
    return shapes


def write_parent(folder: Path, *, name: str = "", **config: Any) -> Path:
    """With zeros for weights. ``name`` is put into the card, which makes it another model."""
    folder.mkdir(parents=True, mode=0o755)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    header, end = {}, 0
    for tensor, shape in list_shapes(2).items():
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[tensor] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    write_shard(folder / "model.safetensors", header, data=end)
    (folder / "tokenizer.json").write_text('{"added_tokens": ["<tool_call>"]}')
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (folder / "README.md").write_text(CARD + name)
    for file in folder.iterdir():
        file.chmod(0o644)
    return folder
