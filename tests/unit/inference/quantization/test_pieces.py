"""How a model is cut into pieces, which layers are quantised, and how many bytes that leaves."""

from pathlib import Path

import pytest

from inference.quantization.errors import ParentUnfitError
from inference.quantization.pieces import build_pieces, estimate_bytes, is_linear, list_unfinished, refuse_unfit
from inference.quantization.recipes import RECIPES
from inference.quantization.tensors import Tensor

LAYER = "model.layers.0."


def tensor(*shape: int, kind: str = "BF16") -> Tensor:
    return Tensor("model.safetensors", kind, shape)


def test_linear_layers_of_dense_and_mixed_models_are_quantised_and_routers_and_heads_are_not() -> None:
    yes = ("self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.experts.127.down_proj")
    assert all(is_linear(f"{LAYER}{name}.weight") for name in yes)
    no = ("mlp.gate.weight", "input_layernorm.weight", "self_attn.q_norm.weight", "self_attn.q_proj.bias")
    assert not any(is_linear(f"{LAYER}{name}") for name in no)
    assert not any(is_linear(name) for name in ("lm_head.weight", "model.embed_tokens.weight", "model.norm.weight"))


def test_pieces_are_what_is_outside_and_then_each_layer_by_its_number() -> None:
    tensors = {f"model.layers.{number}.mlp.up_proj.weight": tensor(4, 4) for number in (10, 2)}
    tensors |= {"lm_head.weight": tensor(8, 4), "model.embed_tokens.weight": tensor(8, 4)}
    pieces = build_pieces(tensors)
    assert [(piece.file, piece.tensors, piece.source_bytes) for piece in pieces] == [
        ("model-00001-of-00003.safetensors", ("lm_head.weight", "model.embed_tokens.weight"), 2 * 8 * 4 * 2),
        ("model-00002-of-00003.safetensors", ("model.layers.2.mlp.up_proj.weight",), 32),
        ("model-00003-of-00003.safetensors", ("model.layers.10.mlp.up_proj.weight",), 32),
    ]


def test_piece_with_its_name_is_finished_and_one_in_the_making_is_not(tmp_path: Path) -> None:
    pieces = build_pieces({f"model.layers.{number}.mlp.up_proj.weight": tensor(4, 4) for number in range(3)})
    (tmp_path / pieces[0].file).touch()
    (tmp_path / f"{pieces[1].file}.part").touch()
    assert list_unfinished(pieces, tmp_path) == list(pieces[1:])


@pytest.mark.parametrize(
    ("shape", "kind", "words"),
    [
        ((64, 100), "BF16", "which groups of 128 do not divide"),
        ((64, 128), "U8", "it is quantised already"),
        ((2, 64, 128), "BF16", "is no matrix"),
    ],
)
def test_layer_that_the_recipe_cannot_be_applied_to_is_refused(shape: tuple[int, ...], kind: str, words: str) -> None:
    with pytest.raises(ParentUnfitError, match=words):
        refuse_unfit({f"{LAYER}mlp.up_proj.weight": tensor(*shape, kind=kind)}, RECIPES["w4a16"], parent=Path("m"))


def test_model_with_other_layers_is_refused() -> None:
    with pytest.raises(ParentUnfitError, match="no layers that are named as those of Llama"):
        refuse_unfit({"encoder.layer.0.dense.weight": tensor(4, 4)}, RECIPES["fp8"], parent=Path("m"))


def test_mixture_of_experts_is_for_all_recipes_but_the_one_that_nobody_tried() -> None:
    tensors = {f"{LAYER}mlp.experts.0.up_proj.weight": tensor(128, 128)}
    for recipe in RECIPES.values():
        if recipe.name != "bnb-nf4":
            refuse_unfit(tensors, recipe, parent=Path("m"))
    with pytest.raises(ParentUnfitError, match="has not been tried with bitsandbytes"):
        refuse_unfit(tensors, RECIPES["bnb-nf4"], parent=Path("m"))


def test_layers_without_a_group_need_none_to_divide_them() -> None:
    refuse_unfit({f"{LAYER}mlp.up_proj.weight": tensor(64, 100)}, RECIPES["fp8"], parent=Path("m"))


def test_bytes_are_bits_and_scales_of_what_is_quantised_and_the_rest_as_it_was() -> None:
    tensors = {f"{LAYER}mlp.up_proj.weight": tensor(256, 512), "lm_head.weight": tensor(10, 4)}
    numbers, rest = 256 * 512, 10 * 4 * 2
    assert estimate_bytes(tensors, RECIPES["w4a16"]) == numbers * 4.125 / 8 + 16 + rest
    assert estimate_bytes(tensors, RECIPES["fp8"]) == numbers + 256 * 2 + rest
    assert estimate_bytes(tensors, RECIPES["w8a8-int8"]) == numbers + 256 * 2 + rest
    assert estimate_bytes(tensors, RECIPES["bnb-nf4"]) == pytest.approx(numbers * 4.5 / 8 + rest, abs=200)
