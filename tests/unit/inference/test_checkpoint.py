import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.registry import errors
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.refusals import SecondCopyError
from tests.unit.inference.model_folders import FIRST, INDEX, SECOND, write_model


def write_safetensors(path: Path) -> None:
    header = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model directory with everything that is looked at."""
    (tmp_path / "config.json").write_text(
        json.dumps({"architectures": ["Qwen3ForCausalLM"], "max_position_embeddings": 4096})
    )
    write_safetensors(tmp_path / "model.safetensors")
    (tmp_path / "tokenizer.json").write_text('{"added_tokens": ["<tool_call>", "</think>"]}')
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (tmp_path / "README.md").write_text("---\nlicense: apache-2.0\n---\nlicense: no\n")
    return tmp_path


def test_complete_checkpoint_is_described(model: Path) -> None:
    checkpoint = inspect_checkpoint(model)
    assert (checkpoint.family.name, checkpoint.trained_context_tokens) == ("qwen3", 4096)
    assert (checkpoint.licence, checkpoint.quantization) == ("apache-2.0", None)
    assert checkpoint.weights_bytes == (model / "model.safetensors").stat().st_size


def test_parsers_are_named_only_where_the_tokenizer_knows_their_tokens(model: Path) -> None:
    with_tokens = inspect_checkpoint(model)
    assert (with_tokens.tool_parser, with_tokens.reasoning_parser) == ("qwen3_json", "qwen3")
    (model / "tokenizer.json").write_text("{}")
    without = inspect_checkpoint(model)
    assert (without.tool_parser, without.reasoning_parser) == (None, None)


def test_checkpoint_quantised_with_bitsandbytes_says_so(model: Path) -> None:
    edit_json(model / "config.json", quantization_config={"quant_method": "bitsandbytes"})
    assert inspect_checkpoint(model).quantization == "bitsandbytes"


def test_chat_template_in_its_own_file_is_enough(model: Path) -> None:
    (model / "tokenizer_config.json").unlink()
    (model / "chat_template.jinja").write_text("{{ messages }}")
    assert inspect_checkpoint(model).family.name == "qwen3"


def cut_weights(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("spoil", "error", "file"),
    [
        (lambda m: (m / "config.json").unlink(), errors.ConfigUnreadableError, "config.json"),
        (lambda m: (m / "config.json").write_text("{"), errors.ConfigUnreadableError, "config.json"),
        (lambda m: (m / "config.json").write_text("[]"), errors.ConfigUnreadableError, "config.json"),
        (
            lambda m: edit_json(m / "config.json", architectures=["GPT2LMHeadModel"]),
            errors.ArchitectureUnsupportedError,
            "config.json",
        ),
        (lambda m: edit_json(m / "config.json", auto_map={}), errors.CodeInCheckpointError, "config.json"),
        (
            lambda m: edit_json(m / "tokenizer_config.json", auto_map={}),
            errors.CodeInCheckpointError,
            "tokenizer_config.json",
        ),
        (lambda m: (m / "modeling.py").touch(), errors.CodeInCheckpointError, "modeling.py"),
        (lambda m: (m / "pytorch_model.bin").touch(), errors.UnsafeWeightsError, "pytorch_model.bin"),
        (lambda m: (m / "weights.pt").touch(), errors.UnsafeWeightsError, "weights.pt"),
        (lambda m: (m / "state.pkl").touch(), errors.UnsafeWeightsError, "state.pkl"),
        (lambda m: (m / "model.safetensors").unlink(), errors.WeightsMissingError, ""),
        (cut_weights, errors.WeightsMissingError, "model.safetensors"),
        (lambda m: (m / "model.safetensors").write_text("version https://"), errors.WeightsMissingError, ""),
        (
            lambda m: (m / "model.safetensors.index.json").write_text('{"weight_map": {"w": "model-2.safetensors"}}'),
            errors.WeightsMissingError,
            "model-2.safetensors",
        ),
        (lambda m: (m / "tokenizer.json").unlink(), errors.TokenizerMissingError, ""),
        (
            lambda m: (m / "tokenizer_config.json").write_text("{}"),
            errors.ChatTemplateMissingError,
            "tokenizer_config.json",
        ),
    ],
)
def test_spoilt_checkpoint_is_refused_naming_file_and_fix(
    model: Path, spoil: Callable[[Path], object], error: type[errors.CheckpointError], file: str
) -> None:
    spoil(model)
    with pytest.raises(error) as caught:
        inspect_checkpoint(model)
    assert file in str(caught.value.path)
    assert str(caught.value.path) in str(caught.value)
    assert caught.value.fix in str(caught.value)


def test_absent_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.CheckpointMissingError, match="no such directory"):
        inspect_checkpoint(tmp_path / "absent")


def test_single_precision_weights_take_half_as_much_when_loaded(model: Path) -> None:
    whole = inspect_checkpoint(model)
    assert whole.loaded_bytes == whole.weights_bytes
    (model / "config.json").write_text(json.dumps({"architectures": ["Qwen3ForCausalLM"], "torch_dtype": "float32"}))
    assert inspect_checkpoint(model).loaded_bytes == whole.weights_bytes // 2


def test_second_copy_of_the_weights_counts_once_where_an_index_says_which_are_loaded(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    size = sum((folder / name).stat().st_size for name in (FIRST, SECOND))
    write_safetensors(folder / "consolidated.safetensors")
    assert inspect_checkpoint(folder).weights_bytes == size


def test_second_copy_of_the_weights_without_an_index_is_refused_because_vllm_would_load_both(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / INDEX).unlink()
    write_safetensors(folder / "consolidated.safetensors")
    with pytest.raises(SecondCopyError, match=r"consolidated.safetensors: it is a second copy .* Remove it"):
        inspect_checkpoint(folder)
    for name in (FIRST, SECOND):
        (folder / name).unlink()
    assert inspect_checkpoint(folder).weights_bytes > 0, "Mistral AI's own format alone"
