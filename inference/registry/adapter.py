"""Look into a LoRA adapter's directory before an engine loads it: plain weights of a known form, and nothing else.

What is looked at is what is loaded: the names and shapes of the tensors, not what the configuration claims of them.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.registry.checkpoint import ADAPTER, Checkpoint, inspect_checkpoint
from inference.registry.contents import refuse_contents
from inference.registry.entry import Entry
from inference.registry.errors import CheckpointError, CheckpointMissingError, WeightsMissingError
from inference.registry.origin import find_hub_id
from inference.registry.parsers import find_entry
from inference.registry.strict_json import read_object
from inference.registry.tree import list_files
from inference.registry.weights import Shapes, read_shapes

CONFIG = ADAPTER
WEIGHTS = "adapter_model.safetensors"
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM 0.32 makes room for
TENSOR = re.compile(
    r"base_model\.model\.model\.layers\.(?P<layer>\d{1,4})\.(?:self_attn|mlp)\.(?P<module>[a-z_]+)"
    r"\.lora_(?P<side>[AB])\.weight"
)
MAX_ALPHA = 100_000
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
# PEFT's ways to start training that leave the base model's weights as they are; vLLM 0.32 knows the same.
HARMLESS_STARTS = frozenset({"gaussian", "eva", "orthogonal", "mica", "lora_ga"})
REFUSED = ("use_dora", "lora_bias", "modules_to_save", "alora_invocation_tokens", "layer_replication", "use_bdlora",
           "use_qalora")  # fmt: skip


class AdapterRefusedError(CheckpointError):
    """An adapter that the engine could not load, or would load as something else than it is."""


class AdapterMismatchError(CheckpointError):
    """An adapter that was made for another model."""


@dataclass(frozen=True)
class Adapter:
    """``rank`` is the largest of any of its layers. ``base``: the model it says that it was made for."""

    path: Path
    rank: int
    base: str | None
    shapes: Shapes

    @property
    def room(self) -> int:
        """The rank that the engine is to make room for."""
        return next(allowed for allowed in RANKS if allowed >= self.rank)


def is_adapter(path: Path) -> bool:
    return (path / CONFIG).is_file() and not (path / "config.json").exists()


def inspect(path: Path) -> Checkpoint | Adapter:
    """A model's directory or an adapter's. Raises a :class:`~inference.registry.errors.CheckpointError`."""
    return inspect_adapter(path) if is_adapter(path) else inspect_checkpoint(path)


def inspect_adapter(path: Path) -> Adapter:
    """Raises a :class:`~inference.registry.errors.CheckpointError`."""
    if not path.is_dir():
        raise CheckpointMissingError(path, "there is no such directory.", "Correct model.adapters in appliance.yaml.")
    files = list_files(path)
    refuse_contents(path, files)
    if WEIGHTS not in files:
        raise WeightsMissingError(path, f"there is no {WEIGHTS}.", "Choose an adapter with safetensors weights.")
    if others := [name for name in files if name.endswith(".safetensors") and name != WEIGHTS]:
        raise AdapterRefusedError(
            path / others[0], f"an adapter has no weights but {WEIGHTS}.", "Choose one that changes no vocabulary."
        )
    config = read_object(path / CONFIG)
    _refuse_kind(path / CONFIG, config)
    shapes = read_shapes(path / WEIGHTS)
    rank = _measure_rank(path / WEIGHTS, shapes)
    _refuse_claims(path / CONFIG, config, rank)
    base = config.get("base_model_name_or_path")
    return Adapter(path, rank, base if isinstance(base, str) and base else None, shapes)


def _refuse_kind(file: Path, config: dict[str, Any]) -> None:
    if config.get("peft_type") != "LORA":
        raise AdapterRefusedError(
            file, f"it is an adapter of the kind {config.get('peft_type')!r}.", "Only LoRA adapters are served."
        )
    used = [key for key in REFUSED if config.get(key)]
    if config.get("bias", "none") != "none":
        used.append("bias")
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower() not in HARMLESS_STARTS:
        used.append(f"init_lora_weights: {start}")
    if used:
        raise AdapterRefusedError(
            file, f"it uses {', '.join(used)}, which the engine cannot do.", "Train a plain LoRA, or merge it."
        )


def _measure_rank(file: Path, shapes: Shapes) -> int:
    """The tensors come in pairs, A of rank by inputs and B of outputs by rank."""
    ranks = set()
    for name, shape in shapes.items():
        found = TENSOR.fullmatch(name)
        if found is None or found["module"] not in (*ATTENTION, *FEED_FORWARD):
            raise AdapterRefusedError(
                file, f"it changes {name!r}, which is no projection of attention or feed-forward.", "Choose another."
            )
        twin = name.replace(f".lora_{found['side']}.", f".lora_{'B' if found['side'] == 'A' else 'A'}.")
        if len(shape) != 2 or twin not in shapes or len(shapes[twin]) != 2:
            raise AdapterRefusedError(file, f"{name!r} has no counterpart of its shape.", "Copy the adapter again.")
        if found["side"] == "A":
            if shape[0] != shapes[twin][1]:
                raise AdapterRefusedError(file, f"{name!r} and its counterpart differ in rank.", "Copy it again.")
            ranks.add(shape[0])
    if not ranks or not 0 < max(ranks) <= RANKS[-1]:
        raise AdapterRefusedError(
            file, f"its rank is {max(ranks, default=0)}; vLLM serves 1 to {RANKS[-1]}.", "Train it with a smaller rank."
        )
    return max(ranks)


def _refuse_claims(file: Path, config: dict[str, Any], rank: int) -> None:
    """The engine makes room for what the configuration says, and scales by it."""
    claimed, alpha, patterns = config.get("r"), config.get("lora_alpha"), config.get("rank_pattern") or {}
    said = [claimed, *(patterns.values() if isinstance(patterns, dict) else [None])]
    ranks = [each for each in said if isinstance(each, int) and not isinstance(each, bool) and each > 0]
    if len(ranks) != len(said) or max(ranks) != rank:
        raise AdapterRefusedError(file, f"it says rank {claimed!r}, its tensors have {rank}.", "Copy it again.")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 < alpha < MAX_ALPHA:
        raise AdapterRefusedError(file, f"lora_alpha is {alpha!r}, which is no factor.", "Copy the adapter again.")


def require_fit(adapter: Adapter, model: Path, entries: tuple[Entry, ...]) -> None:
    """Raises AdapterMismatchError where names or shapes say that it was made for another model than ``model``."""
    mine, served = find_entry(adapter.base, entries), find_entry(find_hub_id(model), entries)
    if mine is not None and served is not None and mine.id != served.id:
        raise AdapterMismatchError(
            adapter.path / CONFIG, f"the adapter was made for {mine.name}, the model is {served.name}.",
            "Serve it with the model that it was made for.",
        )  # fmt: skip
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    try:
        sides, layers = _list_sides(config), int(config["num_hidden_layers"])
    except (KeyError, TypeError, ValueError) as error:
        raise AdapterMismatchError(
            model / "config.json", f"it does not say how large the model's layers are ({error!r}).",
            "Serve it without model.adapters.",
        ) from None  # fmt: skip
    for name, shape in adapter.shapes.items():
        found = TENSOR.fullmatch(name)
        assert found is not None, "inspected"
        inputs, outputs = sides[found["module"]]
        got, wanted = (shape[1], inputs) if found["side"] == "A" else (shape[0], outputs)
        if got != wanted or int(found["layer"]) >= layers:
            raise AdapterMismatchError(
                adapter.path / WEIGHTS, f"{name!r} does not fit {model.name}: {got} instead of {wanted} wide, of "
                f"{layers} layers.", "Serve it with the model that it was made for.",
            )  # fmt: skip


def _list_sides(config: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of each projection of a dense model."""
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    head = int(config.get("head_dim") or hidden // heads)
    query, values = heads * head, int(config.get("num_key_value_heads") or heads) * head
    wide = int(config["intermediate_size"])
    return {
        "q_proj": (hidden, query), "k_proj": (hidden, values), "v_proj": (hidden, values), "o_proj": (query, hidden),
        "gate_proj": (hidden, wide), "up_proj": (hidden, wide), "down_proj": (wide, hidden),
    }  # fmt: skip
