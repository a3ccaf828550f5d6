"""The catalogue is closed, says where it is wrong, and is the one source of the offers."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from inference.planning.sizing import GPU_SHARE
from inference.registry.catalogue import CPU_OFFER, GPU_OFFERS
from inference.registry.errors import CatalogueError
from inference.registry.load import SOURCE, load_catalogue, parse_catalogue, read_catalogue
from inference.registry.missing import list_missing
from inference.serving.argv import GPU_MEMORY_FRACTION
from inference.serving.command import EMBEDDER_MODEL
from tests.architecture.tree import ROOT

RAW: dict[str, Any] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    raw = copy.deepcopy(RAW)
    change(raw)
    return raw


def qwen(raw: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(model for model in raw["models"] if model["id"] == "qwen3-8b")
    return found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw.update(extra=1), r"extra: Extra inputs are not permitted"),
        (lambda raw: qwen(raw).update(speed=1), r"models\[qwen3-8b\]\.speed: Extra inputs"),
        (lambda raw: qwen(raw)["architecture"].update(layers="36"), r"models\[qwen3-8b\]\.architecture\.layers: "),
        (lambda raw: qwen(raw)["architecture"].pop("layers"), r"models\[qwen3-8b\]\.architecture\.layers: Field req"),
        (lambda raw: qwen(raw)["architecture"].pop("tied_embeddings"), r"tied_embeddings is a fact about models"),
        (lambda raw: qwen(raw)["variants"][0].update(revision="main"), r"models\[qwen3-8b\]\.variants\[0\]\.revision"),
        (lambda raw: qwen(raw)["variants"][0].pop("group_size"), r"group_size is a fact about 4-bit formats"),
        (lambda raw: qwen(raw)["variants"][0]["serving"].pop("context_tokens"), r"context_tokens goes with automatic"),
        (
            lambda raw: qwen(raw).update(family="gpt"),
            r"the family 'gpt' is not served here; known: llama, llama4, mistral",
        ),
        (lambda raw: qwen(raw).update(licence="mine"), r"their licence is not under licences: qwen3-8b"),
        (lambda raw: qwen(raw).update(licence_source="hearsay"), r"not under sources: qwen3-8b cites 'hearsay'"),
        (lambda raw: raw["sources"].update(idle={"title": "x"}), r"sources that nothing cites: idle"),
        (lambda raw: raw["models"].append(qwen(raw)), r"named twice: qwen3-8b"),
        (lambda raw: qwen(raw)["architecture"].update(experts=8), r"a mixture of experts has experts, experts_per_"),
        (lambda raw: raw["sources"]["qwen3-readme"].update(address="http://x"), r"sources\.qwen3-readme\.address: "),
    ],
)
def test_catalogue_refuses_with_the_path(change: Callable[[dict[str, Any]], object], words: str) -> None:
    with pytest.raises(CatalogueError, match=words):
        parse_catalogue(changed(change))


@pytest.mark.parametrize("text", ["models: [", "- 1", ""])
def test_catalogue_that_is_no_catalogue_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "models.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"models\.yaml is not a catalogue of models"):
        read_catalogue(path)


def test_catalogue_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(load_catalogue().models[0], "name", "another")  # noqa: B010 - the type checker refuses it too


def test_missing_report_names_every_null_and_nothing_else() -> None:
    """Walked over the file as it is written, not over the typed values."""
    catalogue = load_catalogue()
    for raw, entry in zip(RAW["models"], catalogue.models, strict=True):
        nulls = [*_nulls(raw, "")]
        cited = [f"sources.{key}.address" for key in entry.cited if RAW["sources"][key].get("address", "") is None]
        assert sorted(list_missing(entry, catalogue)) == sorted(nulls + cited), entry.id


def _nulls(value: object, path: str) -> list[str]:
    if value is None or value == []:
        return [path]
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in _nulls(each, f"{path}.{key}" if path else str(key))]
    if isinstance(value, list):
        names = [
            str(each["hub_id"]).split("/")[1] if isinstance(each, dict) and "hub_id" in each else str(index)
            for index, each in enumerate(value)
        ]
        return [found for name, each in zip(names, value, strict=True) for found in _nulls(each, f"{path}[{name}]")]
    return []


def test_missing_report_shrinks_when_a_fact_is_filled_in() -> None:
    pinned = parse_catalogue(changed(lambda raw: qwen(raw)["variants"][0].update(revision="a" * 40)))
    before, after = (
        list_missing(catalogue.get_entry("qwen3-8b"), catalogue) for catalogue in (load_catalogue(), pinned)
    )
    assert set(before) - set(after) == {"variants[Qwen3-8B-AWQ].revision"}


def test_catalogue_has_what_one_node_can_serve() -> None:
    """From under a thousand million parameters to seventy, mixtures of experts, an embedding and a reranking model."""
    models = {entry.id: entry for entry in load_catalogue().models}
    generating = [entry for entry in models.values() if entry.purpose == "generation"]
    assert {entry.family for entry in generating} == {"llama", "llama4", "mistral", "qwen2", "qwen3", "qwen3.5"}
    assert sum(entry.architecture.is_mixture for entry in generating) >= 3
    assert {entry.purpose for entry in models.values()} == {"generation", "embedding", "reranking"}
    formats = {variant.format for entry in generating for variant in entry.variants}
    assert formats == {"bf16", "fp8", "w8a8-int8", "awq-int4", "gptq-int4", "w4a16-int4"}


def test_parsers_are_the_family_s_unless_the_model_has_its_own() -> None:
    parsers = {entry.id: (entry.tool_parser, entry.reasoning_parser) for entry in load_catalogue().models}
    assert parsers["qwen3-8b"] == ("qwen3_json", "qwen3")
    assert parsers["qwen3-4b-instruct-2507"] == ("qwen3_json", None)
    assert parsers["qwen3-coder-30b-a3b-instruct"] == ("qwen3_coder", None)
    assert parsers["mistral-nemo-instruct-2407"] == ("mistral", None)
    assert parsers["qwen3-embedding-0.6b"] == (None, None)
    assert parsers["qwen3.6-27b"] == ("qwen3_coder", "qwen3")
    assert parsers["mistral-small-4-119b-2603"] == ("mistral", "mistral")
    assert parsers["llama-4-scout-17b-16e-instruct"] == ("llama4_pythonic", None)


def test_licences_that_are_not_open_say_so() -> None:
    """They differ from release to release inside a family."""
    catalogue = load_catalogue()
    words = {
        entry.id: " ".join(each.text for each in catalogue.licences[entry.licence].obligations)
        for entry in catalogue.models
    }
    assert "more than 20 million US dollars" in words["mistral-medium-3.5-128b"]
    assert "more than 20 million US dollars" in words["devstral-2-123b-instruct-2512"]
    assert catalogue.get_entry("devstral-small-2-24b-instruct-2512").licence == "apache-2.0"
    assert "place of business in, the European Union" in words["llama-4-scout-17b-16e-instruct"]


def test_offers_are_what_the_catalogue_marks_as_automatic() -> None:
    assert [offer.hub_id for offer in (*GPU_OFFERS, CPU_OFFER)] == [
        "Qwen/Qwen3-32B-AWQ",
        "Qwen/Qwen3-14B-AWQ",
        "Qwen/Qwen3-8B-AWQ",
        "Qwen/Qwen3-4B-AWQ",
        "Qwen/Qwen3-0.6B",
    ]
    assert {offer.revision for offer in GPU_OFFERS} == {"main"}
    assert [offer.context_tokens for offer in (*GPU_OFFERS, CPU_OFFER)] == [16384, 16384, 16384, 16384, 8192]


def test_default_embedder_is_in_the_catalogue_with_the_wheel_that_is_locked() -> None:
    (variant,) = load_catalogue().get_entry("all-minilm-l6-v2").variants
    assert variant.name == EMBEDDER_MODEL
    assert variant.package is not None
    assert "unverified" in variant.package.provenance
    for lock in ("inference-cpu.lock", "inference-cuda.lock"):
        text = (ROOT / "requirements" / lock).read_text(encoding="utf-8")
        pinned = text.partition(f"{variant.package.name}=={variant.package.version} \\\n")[2].partition("# via")[0]
        assert f"sha256:{variant.package.wheel_sha256}" in pinned, lock


def test_planned_share_of_the_gpu_is_what_the_engine_is_given() -> None:
    assert GPU_SHARE == GPU_MEMORY_FRACTION
