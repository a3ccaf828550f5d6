"""A model directory as what a plan is made of."""

import json
from pathlib import Path
from typing import Any

import pytest

from inference.planning.candidate import list_candidates, read_candidates
from inference.planning.errors import PlanningError
from inference.planning.gpus import get_gpu
from inference.planning.node import CpuNode, Question, build_gpu_node
from inference.planning.plan import build_plan
from inference.planning.sharing import can_share
from inference.planning.sizing import GIB
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.choice import ModelWish, build_directory_spec
from inference.registry.errors import CheckpointMissingError
from inference.registry.load import load_catalogue
from inference.serving.argv import build_engine_argv
from tests.unit.inference.test_checkpoint import write_safetensors
from tests.unit.inference.test_config_facts import QWEN3_8B


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Qwen3-8B's configuration with a tokenizer, and weights of four bytes."""
    target = tmp_path / "our-model"
    target.mkdir()
    (target / "config.json").write_text(json.dumps(QWEN3_8B))
    (target / "tokenizer.json").write_text('{"added_tokens": ["<tool_call>", "</think>"]}')
    (target / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    write_safetensors(target / "model.safetensors")
    return target


def test_directory_is_planned_like_the_entry_with_its_dimensions(directory: Path) -> None:
    node = build_gpu_node(get_gpu("l40s"), count=1)
    known = [each for each in list_candidates([load_catalogue().get_entry("qwen3-8b")]) if each.format == "bf16"]
    (as_it_is, in_four_bits) = read_candidates(directory)
    assert build_plan(as_it_is, node, Question()).figures == build_plan(known[0], node, Question()).figures
    assert (as_it_is.model, in_four_bits.format, in_four_bits.converted) == ("our-model", "bnb-nf4", True)


def test_flags_of_a_plan_are_those_that_the_engine_is_started_with(directory: Path) -> None:
    spec = build_directory_spec(
        ModelWish(path=directory, max_context_tokens=4096), inspect_checkpoint(directory), "cpu"
    )
    argv = build_engine_argv(spec, python=Path("/py"), port=1, kv_cache_gib=2.0)
    (as_it_is, _) = read_candidates(directory)
    plan = build_plan(as_it_is, CpuNode(64 * GIB, 2 * GIB), Question(4096))
    assert list(plan.flags) == argv[argv.index("--served-model-name") + 2 :]


def test_quantised_directory_is_planned_as_it_is(directory: Path) -> None:
    config = {**QWEN3_8B, "quantization_config": {"quant_method": "fp8"}}
    (directory / "config.json").write_text(json.dumps(config))
    assert [each.format for each in read_candidates(directory)] == ["fp8"]


def test_weights_that_bitsandbytes_stored_are_for_one_gpu_and_converted_ones_for_more(directory: Path) -> None:
    node = build_gpu_node(get_gpu("l40s"), count=2)
    (_, converted) = read_candidates(directory)
    figures = build_plan(converted, node, Question()).figures
    assert figures is not None
    assert figures.tensor_parallel == 2
    stored = {**QWEN3_8B, "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    (directory / "config.json").write_text(json.dumps(stored))
    (candidate,) = read_candidates(directory)
    figures = build_plan(candidate, node, Question()).figures
    assert figures is not None
    assert figures.tensor_parallel == 1
    refused = build_plan(candidate, node, Question(tensor_parallel=2))
    assert "cannot share weights that bitsandbytes stored" in refused.reason


def test_directory_that_would_not_be_served_is_not_planned(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissingError):
        read_candidates(tmp_path / "absent")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"head_dim": "abc"}, "head_dim is 'abc', which is no size."),
        ({"head_dim": -1}, "head_dim is -1, which is no size."),
        ({"num_key_value_heads": "abc"}, "num_key_value_heads is 'abc', which is no size."),
        ({"num_hidden_layers": True}, "num_hidden_layers is True, which is no size."),
        ({"num_experts": "abc"}, "num_experts is 'abc', which is no size."),
        ({"layer_types": [1]}, "layer_types is [1], which is no list of words."),
        ({"layer_types": 7}, "layer_types is 7, which is no list of words."),
        ({"quantization_config": {"quant_method": ["awq"]}}, "of a wrong kind"),
        ({"quantization_config": {"quant_method": "compressed-tensors", "config_groups": [1]}}, "of a wrong kind"),
        ({"quantization_config": {"quant_method": "fp8", "weight_block_size": 128}}, "of a wrong kind"),
    ],
)
def test_configuration_with_a_value_of_a_wrong_kind_is_refused_with_file_and_key(
    directory: Path, changes: dict[str, Any], words: str
) -> None:
    file = directory / "config.json"
    file.write_text(json.dumps({**QWEN3_8B, **changes}))
    with pytest.raises(PlanningError) as caught:
        read_candidates(directory)
    assert str(caught.value).startswith(f"{file}: ")
    assert words in str(caught.value)


def test_weights_with_a_scale_for_each_row_have_no_groups() -> None:
    """Of eight GPUs each has half a group of 128 of the shared experts, 512 wide."""
    known = {each.weights: each for each in list_candidates(load_catalogue().models)}
    sizes = {name: each.group_size for name, each in known.items() if each.format == "fp8"}
    assert {size for name, size in sizes.items() if name.endswith("FP8-dynamic")} == {None}
    assert {size for name, size in sizes.items() if not name.endswith("FP8-dynamic")} == {128}
    name = "Qwen3-Next-80B-A3B-Instruct-FP8"
    assert [can_share(known[each], 8) for each in (name, f"{name}-dynamic")] == [False, True]
