"""What a model directory can be served for, by its architecture: refused by name for anything else."""

from pathlib import Path

import pytest

from inference.registry.checkpoint import inspect_checkpoint, require_purpose
from inference.registry.choice import ModelWish, build_directory_spec
from inference.registry.errors import PurposeError
from inference.registry.spec import Purpose
from tests.unit.inference.model_folders import edit_json, write_model


def write(folder: Path, architecture: str, **config: object) -> Path:
    model = write_model(folder / "m")
    edit_json(model / "config.json", architectures=[architecture], **config)
    return model


@pytest.mark.parametrize(
    ("architecture", "config", "purposes"),
    [
        ("LlamaForCausalLM", {}, ("generation", "embedding")),
        ("Qwen3ForCausalLM", {}, ("generation", "embedding", "reranking")),
        ("BertModel", {}, ("embedding",)),
        ("XLMRobertaForSequenceClassification", {"id2label": {"0": "LABEL_0"}}, ("reranking",)),
        ("Qwen3ForSequenceClassification", {"num_labels": 1}, ("reranking",)),
    ],
)
def test_architecture_says_what_a_model_is_for(
    tmp_path: Path, architecture: str, config: dict[str, object], purposes: tuple[Purpose, ...]
) -> None:
    assert inspect_checkpoint(write(tmp_path, architecture, **config)).purposes == purposes


def test_embedding_model_needs_no_chat_template(tmp_path: Path) -> None:
    model = write(tmp_path, "Qwen3ForCausalLM")
    (model / "tokenizer_config.json").write_text("{}")
    (model / "modules.json").write_text("[]")
    assert inspect_checkpoint(model).purposes == ("embedding",)


@pytest.mark.parametrize("config", [{}, {"id2label": {"0": "bad", "1": "good", "2": "fine"}}])
def test_classifier_of_several_classes_is_no_reranker(tmp_path: Path, config: dict[str, object]) -> None:
    with pytest.raises(PurposeError, match=r"sorts texts into [23] classes\. A reranking model has one"):
        inspect_checkpoint(write(tmp_path, "BertForSequenceClassification", **config))


def test_model_named_for_something_else_is_refused(tmp_path: Path) -> None:
    checkpoint = inspect_checkpoint(write(tmp_path, "BertModel"))
    with pytest.raises(PurposeError, match=r"BertModel is a model for embedding, not for generation\. .*further model"):
        require_purpose(checkpoint, "generation")
    with pytest.raises(PurposeError, match=r"not for reranking\. .*correct its purpose"):
        require_purpose(checkpoint, "reranking")


def test_qwen3_that_ranks_is_told_apart_from_one_that_writes(tmp_path: Path) -> None:
    model = write(tmp_path, "Qwen3ForCausalLM")
    checkpoint = inspect_checkpoint(model)
    specs = {
        purpose: build_directory_spec(ModelWish(path=model, purpose=purpose), checkpoint, "cpu")
        for purpose in checkpoint.purposes
    }
    assert {purpose: spec.ranks_by_words for purpose, spec in specs.items()} == {
        "generation": False, "embedding": False, "reranking": True,
    }  # fmt: skip
