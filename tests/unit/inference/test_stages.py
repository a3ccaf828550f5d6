"""A model in a pipeline, by arithmetic, and what GPUs cannot share."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.planning.errors import CannotShareError
from inference.planning.node import Question
from inference.planning.servable import CannotServeError, find_sharing_problem, require_servable
from inference.planning.sizing import compute_kv_bytes_per_token, compute_weights_bytes
from inference.planning.stages import list_stage_bytes, split_layers
from inference.registry.load import load_catalogue
from inference.registry.machine import Gpu, MachineFacts
from inference.registry.options import Options, Speculative
from inference.registry.spec import ModelSpec
from tests.unit.inference.model_folders import edit_json, write_model
from tests.unit.inference.test_choice import LAPTOP
from tests.unit.inference.test_plan import gpus, plan

LLAMA = load_catalogue().get_entry("llama-3.1-8b-instruct").architecture
FACTS = {
    "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 3, "num_attention_heads": 6,
    "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 1024, "max_position_embeddings": 4096,
}  # fmt: skip


@pytest.mark.parametrize(
    ("layers", "stages", "split"),
    [
        (32, 1, (32,)),
        (32, 2, (16, 16)),
        (33, 2, (17, 16)),
        (30, 4, (7, 8, 8, 7)),
        (31, 4, (8, 8, 8, 7)),
        (29, 4, (7, 7, 8, 7)),
        (3, 3, (1, 1, 1)),
    ],
)
def test_layers_are_split_as_vllm_does(layers: int, stages: int, split: tuple[int, ...]) -> None:
    assert split_layers(layers, stages) == split


def test_more_stages_than_layers_are_refused() -> None:
    with pytest.raises(CannotShareError, match="4 stages of a pipeline cannot share 3 layers; 3 or fewer can"):
        split_layers(3, 4)


def test_stages_together_are_the_model() -> None:
    stages = list_stage_bytes(LLAMA, "bf16", tensor_parallel=1, pipeline_parallel=4, value_bytes=2)
    assert sum(weights for weights, _ in stages) == compute_weights_bytes(LLAMA, "bf16")
    assert sum(token for _, token in stages) == compute_kv_bytes_per_token(LLAMA)
    first, *middle, last = (weights for weights, _ in stages)
    embeddings = 2 * 128256 * 4096
    assert [first - each for each in (*middle, last)] == [embeddings, embeddings, 0]


def test_tied_embeddings_are_held_at_both_ends() -> None:
    qwen = load_catalogue().get_entry("qwen3-0.6b").architecture
    assert qwen.tied_embeddings
    stages = list_stage_bytes(qwen, "bf16", tensor_parallel=1, pipeline_parallel=2, value_bytes=2)
    assert qwen.vocabulary is not None
    assert qwen.hidden_size is not None
    copy = 2 * qwen.vocabulary * qwen.hidden_size
    assert sum(weights for weights, _ in stages) == compute_weights_bytes(qwen, "bf16") + copy


def test_plan_of_a_pipeline_halves_what_each_gpu_holds_and_says_its_flags() -> None:
    made = plan("llama-3.3-70b-instruct", "w4a16-int4", gpus("l40s", 2), Question(pipeline_parallel=2))
    assert made.figures is not None
    assert (made.verdict, made.figures.tensor_parallel, made.figures.pipeline_parallel) == ("fits", 1, 2)
    assert made.figures.kv_bytes_per_token == 160 * 1024
    assert "--pipeline-parallel-size 2" in " ".join(made.flags)
    assert "--tensor-parallel-size" not in made.flags


def test_pipeline_without_a_gpu_for_each_stage_is_refused() -> None:
    made = plan("llama-3.3-70b-instruct", "w4a16-int4", gpus("l40s", 2), Question(pipeline_parallel=3))
    assert (made.verdict, made.reason) == ("does not fit", "3 stages of a pipeline need as many GPUs; there are 2.")


@pytest.fixture
def model(tmp_path: Path) -> ModelSpec:
    folder = write_model(tmp_path / "model")
    edit_json(folder / "config.json", **FACTS)
    return ModelSpec("model", "directory", "cuda", folder)


def require(spec: ModelSpec, machine: MachineFacts = LAPTOP, *, kv_cache_bytes: int = 2**30) -> None:
    require_servable(spec, machine, kv_cache_bytes=kv_cache_bytes, memory_fraction=None)


@pytest.mark.parametrize(
    ("gpus_of", "words"),
    [
        ((4, 1), "4 of 4 GPUs cannot share 6 attention heads, 2 heads for keys and values; 1, 2 can."),
        ((3, 1), "3 of 3 GPUs cannot share 6 attention heads, 2 heads for keys and values; 1, 2 can."),
        ((1, 4), "4 stages of a pipeline cannot share 3 layers; 3 or fewer can."),
    ],
)
def test_gpus_that_cannot_share_are_refused_before_a_start(
    model: ModelSpec, gpus_of: tuple[int, int], words: str
) -> None:
    tensor, pipeline = gpus_of
    with pytest.raises(CannotServeError) as caught:
        require(replace(model, tensor_parallel=tensor, pipeline_parallel=pipeline))
    assert str(caught.value).startswith(words)
    assert find_sharing_problem(
        {"architectures": ["Qwen3ForCausalLM"], **FACTS}, tensor_parallel=tensor, pipeline_parallel=pipeline
    ).startswith(words)


@pytest.mark.parametrize("quantization", [{"quant_method": "awq", "bits": 4, "group_size": 128}, None])
def test_groups_of_weights_are_not_cut_and_layers_evenly(model: ModelSpec, quantization: dict[str, Any] | None) -> None:
    """By two GPUs: 6 heads of 64 are three groups of 128; and a layer 511 wide is odd."""
    assert model.path is not None
    width = 512 if quantization else 511
    edit_json(model.path / "config.json", quantization_config=quantization, intermediate_size=width)
    with pytest.raises(CannotServeError, match=rf"2 of 2 GPUs cannot share .*, layers {width} wide.*; 1 can\."):
        require(replace(model, tensor_parallel=2))
    edit_json(model.path / "config.json", quantization_config=quantization and {**quantization, "group_size": 64},
              intermediate_size=512)  # fmt: skip
    require(replace(model, tensor_parallel=2))


EXPERTS = {
    **FACTS, "num_attention_heads": 8, "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 384,
}  # fmt: skip
BLOCKS = {"quant_method": "fp8", "weight_block_size": [128, 128]}


def test_experts_whose_blocks_vllm_refines_are_not_refused_before_a_start(model: ModelSpec) -> None:
    assert model.path is not None
    edit_json(model.path / "config.json", **EXPERTS, quantization_config=BLOCKS)
    require(replace(model, tensor_parallel=2))
    ampere = replace(LAPTOP, gpus=(Gpu("A100", 80 * 2**30, (8, 0)),))
    with pytest.raises(CannotServeError, match=r"cannot share .*, experts 384 wide in groups of 128; 1 can"):
        require(replace(model, tensor_parallel=2), ampere)


@pytest.mark.parametrize(
    "more",
    [
        {"shared_expert_intermediate_size": 384},
        {"n_shared_experts": 1},
        {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {
            "type": "float", "num_bits": 8, "strategy": "block", "block_structure": [128, 128]}}}}},
    ],
)  # fmt: skip
def test_experts_whose_blocks_vllm_leaves_are_refused(more: dict[str, Any]) -> None:
    config = {"architectures": ["Qwen3MoeForCausalLM"], **EXPERTS, "quantization_config": BLOCKS}
    assert find_sharing_problem(config, tensor_parallel=2, pipeline_parallel=1) == ""
    assert "experts 384" in find_sharing_problem({**config, **more}, tensor_parallel=2, pipeline_parallel=1)


def test_gpus_that_can_share_are_not_refused(model: ModelSpec) -> None:
    require(replace(model, tensor_parallel=2, pipeline_parallel=3))
    assert find_sharing_problem(FACTS, tensor_parallel=2, pipeline_parallel=1) == ""


def test_context_that_the_model_does_not_know_or_the_cache_cannot_hold_is_refused(model: ModelSpec) -> None:
    on_cpu = replace(model, device="cpu", max_context_tokens=4096)
    require(on_cpu)
    with pytest.raises(CannotServeError, match=r"knows 4,096 tokens of context, not 8,192\. Set it to 4,096 or less"):
        require(replace(on_cpu, max_context_tokens=8192))
    a_token = 2 * 3 * 2 * 64 * 2
    with pytest.raises(CannotServeError, match=r"Its cache holds 2,048 tokens.*Set it to 2,048 or less"):
        require(on_cpu, kv_cache_bytes=2048 * a_token)


def test_context_that_a_cache_holds_without_the_draft_models_part_only_is_refused(
    model: ModelSpec, tmp_path: Path
) -> None:
    draft = write_model(tmp_path / "draft")
    edit_json(draft / "config.json", **FACTS)
    guessing = Options(speculative=Speculative("draft_model", 4, draft))
    on_cpu = replace(model, device="cpu", max_context_tokens=4096)
    a_token = 2 * 3 * 2 * 64 * 2
    require(on_cpu, kv_cache_bytes=4096 * a_token)
    with pytest.raises(CannotServeError, match=r"Its cache holds 2,048 tokens.*Set it to 2,048 or less"):
        require(replace(on_cpu, options=guessing), kv_cache_bytes=4096 * a_token)


def test_draft_model_that_the_models_gpus_cannot_share_is_refused(model: ModelSpec, tmp_path: Path) -> None:
    draft = write_model(tmp_path / "draft")
    edit_json(draft / "config.json", **{**FACTS, "num_attention_heads": 3, "num_key_value_heads": 1})
    guessing = replace(model, options=Options(speculative=Speculative("draft_model", 4, draft)))
    require(guessing)
    with pytest.raises(CannotServeError, match=r"model\.speculative\.draft .*/draft: 2 of 2 GPUs cannot share 3 "):
        require(replace(guessing, tensor_parallel=2))


def test_configuration_that_nobody_understands_is_left_to_the_engine(model: ModelSpec) -> None:
    assert model.path is not None
    edit_json(model.path / "config.json", num_key_value_heads="two", head_dim=[64])
    require(replace(model, tensor_parallel=5, max_context_tokens=10**9))


def test_positions_that_are_stretched_are_left_to_the_engine(model: ModelSpec) -> None:
    assert model.path is not None
    edit_json(model.path / "config.json", rope_scaling={"rope_type": "yarn", "factor": 4.0})
    require(replace(model, device="cpu", max_context_tokens=8192))
