"""One layer of a model by itself, calibrated with llm-compressor's own modifiers: GPTQ, and SmoothQuant before it.

Memory holds one layer and the states that go into it, whatever the size of the model.
"""

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from compressed_tensors.compressors import compress_module
from llmcompressor.core import LifecycleCallbacks, create_session
from llmcompressor.modifiers import Modifier
from llmcompressor.modifiers.gptq import GPTQModifier
from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier
from llmcompressor.utils.helpers import DisableQuantization, calibration_forward_context
from transformers import AutoModelForCausalLM, PretrainedConfig

from inference.quantization.pieces import is_linear
from inference.quantization.recipes import IGNORED, Recipe, build_compressed_config

States = list[torch.Tensor]  # one a sample: [tokens, hidden size]
ALONE = "model.layers.0."
VOCABULARY = 8  # the embeddings are no part of it, and have to be some
# Which norm goes before which layers, in Llama, Mistral and Qwen alike.
SMOOTHED = [
    [["re:.*q_proj", "re:.*k_proj", "re:.*v_proj"], "re:.*input_layernorm"],
    [["re:.*gate_proj", "re:.*up_proj"], "re:.*post_attention_layernorm"],
]


def build_layer(
    config: PretrainedConfig, number: int, tensors: dict[str, torch.Tensor], device: torch.device
) -> torch.nn.Module:
    """A model of the layer ``number`` alone. ``tensors``: of the layer, by their names in the whole model."""
    alone = copy.deepcopy(config)
    alone.num_hidden_layers, alone.vocab_size, alone.tie_word_embeddings = 1, VOCABULARY, False
    alone.pad_token_id = alone.bos_token_id = alone.eos_token_id = None
    if getattr(alone, "layer_types", None):
        alone.layer_types = [config.layer_types[number]]
    kind = next(iter(tensors.values())).dtype
    model = AutoModelForCausalLM.from_config(alone, dtype=kind, trust_remote_code=False).to(device).eval()
    prefix = f"model.layers.{number}."
    model.model.layers[0].load_state_dict({name.removeprefix(prefix): of for name, of in tensors.items()})
    model.model.norm = torch.nn.Identity()
    return model


def build_modifiers(recipe: Recipe) -> list[Callable[[], Modifier]]:
    """In the order in which they are applied, each to states of its own pass."""
    known: dict[str, Callable[[], Modifier]] = {
        "SmoothQuantModifier": lambda: SmoothQuantModifier(smoothing_strength=0.5, mappings=copy.deepcopy(SMOOTHED)),
        "GPTQModifier": lambda: GPTQModifier(
            config_groups=build_compressed_config(recipe)["config_groups"], ignore=list(IGNORED)
        ),
    }
    return [known[name] for name in recipe.modifiers]


def calibrate(model: torch.nn.Module, recipe: Recipe, states: Sequence[torch.Tensor]) -> None:
    """Changes the model's layer in place, as llm-compressor's own sequential pipeline would."""
    for build in build_modifiers(recipe):
        with create_session() as session:
            session.initialize(model=model, recipe=[build()], start=-1, calib_data=states)
            LifecycleCallbacks.calibration_start()
            with _as_it_is_calibrated(model):
                for each in states:
                    _forward(model, each)
                LifecycleCallbacks.sequential_epoch_end(list(model.modules()))
            LifecycleCallbacks.calibration_end()
            session.finalize()


def propagate(model: torch.nn.Module, states: Sequence[torch.Tensor]) -> States:
    """What the layer makes of its input: the next one's input, with the error that this one has now."""
    with _as_it_is_calibrated(model):
        return [_forward(model, each).cpu() for each in states]


def take_tensors(model: torch.nn.Module, number: int, names: Sequence[str]) -> dict[str, torch.Tensor]:
    """The compressed layer under its names in the whole model; ``names`` are those it had before."""
    prefix = f"model.layers.{number}."
    found: dict[str, torch.Tensor] = {}
    for name in names:
        module = model.get_submodule(ALONE + name.removeprefix(prefix).rpartition(".")[0])
        if not is_linear(name):
            found[name] = module.get_parameter(name.rpartition(".")[2]).detach()
            continue
        compress_module(module)
        state: dict[str, Any] = module.state_dict(prefix=name.removesuffix("weight"))
        found |= {key: value for key, value in state.items() if not key.endswith("bias")}
    return found


@contextlib.contextmanager
def _as_it_is_calibrated(model: torch.nn.Module) -> Iterator[None]:
    with calibration_forward_context(model), DisableQuantization(model):
        yield


def _forward(model: torch.nn.Module, state: torch.Tensor) -> torch.Tensor:
    device = next(model.parameters()).device
    output: torch.Tensor = model.model(inputs_embeds=state[None].to(device), use_cache=False).last_hidden_state
    return output[0]
