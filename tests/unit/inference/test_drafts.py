"""The smaller model that guesses ahead: one that speaks the model's vocabulary is taken, every other kind is refused by
name before vLLM is started, and what it takes of the memory is counted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.planning.need import Need, measure, measure_draft
from inference.planning.sizing import GIB
from inference.registry import errors, refusals
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.choice import ModelWish
from inference.registry.companions import DraftFormatError, DraftMismatchError
from inference.registry.fetched import resolve_model
from inference.registry.options import Options, Speculative
from inference.registry.spec import ModelSpec
from inference.serving.argv import build_engine_argv
from tests.unit.inference.model_folders import SECOND, edit_json, write_model
from tests.unit.inference.test_adapters import FACTS as SIZES
from tests.unit.inference.test_choice import OFFLINE

FACTS = {**SIZES, "max_position_embeddings": 4096, "torch_dtype": "bfloat16"}
SMALLER = {**FACTS, "num_hidden_layers": 1, "num_key_value_heads": 1}
WORDS = [f"word {number}" for number in range(100)]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = write_model(tmp_path / "model")
    edit_json(folder / "config.json", **FACTS)
    speak(folder, WORDS)
    return folder


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    folder = write_model(tmp_path / "draft")
    edit_json(folder / "config.json", **SMALLER)
    speak(folder, WORDS)
    return folder


def speak(folder: Path, words: list[str]) -> None:
    edit_json(folder / "tokenizer.json", model={"vocab": {word: number for number, word in enumerate(words)}})


def resolve(model: Path, draft: Path, *, memory_bytes: int = OFFLINE.memory_bytes) -> ModelSpec:
    wish = ModelWish(path=model, options=Options(speculative=Speculative("draft_model", 4, draft)))
    spec = resolve_model(wish, replace(OFFLINE, memory_bytes=memory_bytes), models_dir=model.parent).spec
    assert spec is not None
    return spec


def test_draft_model_is_loaded_beside_its_model(model: Path, draft: Path) -> None:
    spec = resolve(model, draft)
    assert (spec.draft, spec.folders) == (draft, (model, draft))


@pytest.mark.parametrize(
    ("spoil", "refusal", "words"),
    [
        (lambda draft: draft.rename(draft.with_name("gone")), errors.CheckpointMissingError,
         r"draft: there is no such directory\. Correct model\.speculative\.draft"),
        (lambda draft: (draft / SECOND).unlink(), errors.WeightsMissingError, "/draft"),
        (lambda draft: (draft / SECOND).write_bytes((draft / SECOND).read_bytes()[:-1]), errors.WeightsMissingError,
         "/draft"),
        (lambda draft: (draft / "config.json").write_text("{"), errors.ConfigUnreadableError, "/draft/config.json"),
        (lambda draft: (draft / "code.py").write_text(""), errors.CodeInCheckpointError, "/draft/code.py"),
        (lambda draft: (draft / "more").symlink_to("/etc"), refusals.LinkInCheckpointError, "/draft/more"),
        (lambda draft: edit_json(draft / "config.json", architectures=["BertModel"]), errors.PurposeError,
         "BertModel is a model for embedding, not for generation"),
        (lambda draft: edit_json(draft / "config.json", architectures=["Mistral3ForConditionalGeneration"]),
         errors.GpuNeededError, "/draft/config.json"),
        (lambda draft: edit_json(draft / "config.json", quantization_config={"quant_method": "bitsandbytes"}),
         DraftFormatError, "16-bit, FP8 or W4A16 weights"),
    ],
    ids=["absent", "a shard less", "cut", "no JSON", "code", "a link", "another purpose", "pictures on a CPU",
         "bitsandbytes"],
)  # fmt: skip
def test_bad_draft_model_is_refused_by_name(
    model: Path, draft: Path, spoil: Callable[[Path], Any], refusal: type[errors.ModelError], words: str
) -> None:
    spoil(draft)
    with pytest.raises(refusal, match=words):
        resolve(model, draft)


def test_draft_model_of_a_model_that_is_made_4_bit_is_made_so_too(model: Path, draft: Path) -> None:
    """vLLM's loader for bitsandbytes was seen to refuse a draft model that is not."""
    spec = resolve(model, draft)
    assert '"quantization"' not in line(spec)
    options = Options(speculative=Speculative("draft_model", 4, draft))
    wish = ModelWish(path=model, quantization="bitsandbytes", options=options)
    narrowed = resolve_model(wish, OFFLINE, models_dir=model.parent).spec
    assert narrowed is not None
    assert f'"model": "{draft}", "quantization": "bitsandbytes"}}' in line(narrowed)
    assert 0 < narrowed.draft_bytes < spec.draft_bytes
    assert measure_draft(narrowed).weights_bytes < measure_draft(spec).weights_bytes
    edit_json(draft / "config.json", quantization_config={"quant_method": "fp8"})
    assert resolve(model, draft).draft == draft
    with pytest.raises(DraftFormatError, match=r"draft/config\.json: its weights are quantised.*16-bit weights"):
        resolve_model(wish, OFFLINE, models_dir=model.parent)


def line(spec: ModelSpec) -> str:
    return " ".join(build_engine_argv(spec, python=Path("/py"), port=1))


def test_vocabulary_of_another_size_is_refused_naming_both(model: Path, draft: Path) -> None:
    edit_json(draft / "config.json", vocab_size=9)
    with pytest.raises(
        DraftMismatchError, match=r"draft/config\.json: its vocabulary has 9 tokens, that of model 1024"
    ):
        resolve(model, draft)
    edit_json(draft / "config.json", text_config={"vocab_size": 1024})  # where models that read pictures say it
    assert resolve(model, draft).draft == draft


def test_vocabulary_of_other_words_is_refused_naming_both(model: Path, draft: Path) -> None:
    speak(draft, ["<first>", *WORDS[:-1]])
    words = r"draft/tokenizer.json: its vocabulary is another one than that of model: of 100 tokens, 0 have the same"
    with pytest.raises(DraftMismatchError, match=words):
        resolve(model, draft)


def test_special_tokens_of_another_release_are_no_other_vocabulary(model: Path, draft: Path) -> None:
    speak(draft, [*WORDS[:-5], "<tool>", "</tool>"])
    assert resolve(model, draft).draft == draft


def test_vocabulary_in_another_kind_of_file_is_compared_by_its_size(model: Path, draft: Path) -> None:
    edit_json(draft / "tokenizer.json", model={"vocab": [["word", -1.5]]})
    assert resolve(model, draft).draft == draft


def test_model_that_fits_without_its_draft_model_only_is_refused(model: Path, draft: Path) -> None:
    least = inspect_checkpoint(model).loaded_bytes + 3 * GIB  # a KV cache of one, and two to work
    with pytest.raises(errors.ModelTooBigError, match=r"its weights and those of model\.speculative\.draft take"):
        resolve(model, draft, memory_bytes=least)
    assert resolve(model, draft, memory_bytes=least + inspect_checkpoint(draft).loaded_bytes).draft == draft


def test_draft_model_takes_weights_and_a_cache_of_its_own(model: Path, draft: Path) -> None:
    """vLLM 0.32 was seen to share one cache so: 0.25 GiB held 209,664 tokens of 1,024 and 256 bytes."""
    spec = resolve(model, draft)
    alone = measure(replace(spec, options=Options()), inspect_checkpoint(model))
    its = measure_draft(spec)
    assert (alone.kv_bytes_per_token, its.kv_bytes_per_token) == (1024, 256)
    assert measure(spec, inspect_checkpoint(model)) == Need(alone.weights_bytes + its.weights_bytes, 1024 + 256)
    assert its == measure(ModelSpec("draft", "directory", "cpu", draft), inspect_checkpoint(draft))


def test_pipelines_last_stage_holds_the_draft_model(model: Path, draft: Path) -> None:
    """Of two equal layers; the first stage's weights are as large as the last one's without it."""
    spec = replace(resolve(model, draft), device="cuda", pipeline_parallel=2)
    alone = measure(replace(spec, options=Options()), inspect_checkpoint(model))
    assert measure(spec, inspect_checkpoint(model)).weights_bytes == (
        alone.weights_bytes + measure_draft(spec).weights_bytes
    )


def test_cache_of_a_draft_model_that_no_formula_describes_is_not_counted(model: Path, draft: Path) -> None:
    edit_json(draft / "config.json", num_key_value_heads="two")
    spec = resolve(model, draft)
    found = measure(spec, inspect_checkpoint(model))
    assert found.kv_bytes_per_token is None
    assert found.weights_bytes == (
        measure(replace(spec, options=Options()), inspect_checkpoint(model)).weights_bytes
        + inspect_checkpoint(draft).loaded_bytes
    )
