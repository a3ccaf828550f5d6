"""Model cards say what the registry says, and a difference fails here."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from inference.registry import cards
from inference.registry.card import BEGIN, END, build_deployment, build_front_matter, render_card
from inference.registry.entry import FOUR_BIT_FORMATS, UNQUANTIZED_FORMATS
from inference.registry.errors import CardError
from inference.registry.families import FAMILIES
from inference.registry.load import SOURCE, Catalogue, load_catalogue, parse_catalogue

IDS = [entry.id for entry in load_catalogue().models if entry.card]
KNOWN = [entry.id for entry in load_catalogue().models]
HANDWRITTEN = (
    "## Intended use",
    "## Limits",
    "## What upstream says",
    "## How the appliance uses it",
    "## What has not been run",
)
GENERATED = (
    "### Weights",
    "### Architecture",
    "### Serving",
    "### Licence",
    "### Hardware fit: computed, not measured",
    "### What it is good at",
    "### Facts that nobody could check",
)
HUB_KEYS = {
    "license",
    "license_link",
    "base_model",
    "base_model_relation",
    "library_name",
    "pipeline_tag",
    "language",
    "tags",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the repository's own cards."""
    return Path(shutil.copytree(cards.FOLDER, tmp_path / "model-cards"))


def read(model: str) -> str:
    return (cards.FOLDER / f"{model}.md").read_text(encoding="utf-8")


def with_change(model: str, **facts: Any) -> Catalogue:
    """The catalogue with other facts about the architecture of one model."""
    raw = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    next(each for each in raw["models"] if each["id"] == model)["architecture"].update(facts)
    return parse_catalogue(raw)


def test_cards_are_what_the_registry_says() -> None:
    assert cards.list_stale(load_catalogue(), cards.FOLDER) == [], "run `make generate`"


def test_changed_registry_makes_its_card_stale_and_no_other() -> None:
    assert cards.list_stale(with_change("qwen3-14b", layers=41), cards.FOLDER) == [cards.FOLDER / "qwen3-14b.md"]


def test_fact_that_is_taken_back_makes_card_and_report_stale() -> None:
    stale = cards.list_stale(with_change("qwen3-14b", max_positions=None), cards.FOLDER)
    assert stale == [cards.FOLDER / "qwen3-14b.md", cards.FOLDER / "README.md"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("license: apache-2.0", "license: mit"),
        ("--tool-call-parser qwen3_json", "--tool-call-parser hermes"),
        ("| Key-value heads | 8 |", "| Key-value heads | 4 |"),
        ("| Repository on the hub | `Qwen/Qwen3-14B-AWQ` |", "| Repository on the hub | `Else/Qwen3-14B-AWQ` |"),
        ("| 24 GB | 32,768 tokens |", "| 24 GB | 131,072 tokens |"),
    ],
)
def test_edited_card_is_stale_and_generating_mends_it(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    card = folder / "qwen3-14b.md"
    before = card.read_text(encoding="utf-8")
    assert before.count(old) == 1
    card.write_text(before.replace(old, new), encoding="utf-8")
    assert cards.main(["--check"], folder=folder) == 1
    assert f"{card} is out of date: run `make generate`." in capsys.readouterr().err
    assert cards.main([], folder=folder) == 0
    assert card.read_text(encoding="utf-8") == before
    assert cards.main(["--check"], folder=folder) == 0


def test_half_written_by_hand_stays_as_it_is(folder: Path) -> None:
    card = folder / "qwen3-8b.md"
    text = card.read_text(encoding="utf-8").replace("## Limits\n", "## Limits\n\n- One more, written by hand.\n")
    card.write_text(text + "\nAnd something after it.\n", encoding="utf-8")
    assert cards.main(["--check"], folder=folder) == 0


def test_card_without_its_front_matter_gets_it() -> None:
    entry = load_catalogue().get_entry("qwen3-8b")
    bare = f"# A card\n\n{BEGIN}\n{END}\n"
    rendered = render_card(entry, load_catalogue(), bare)
    assert rendered.startswith("---\nlicense: apache-2.0\n")
    assert render_card(entry, load_catalogue(), rendered) == rendered


@pytest.mark.parametrize("text", ["# A card\n", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}{END}{BEGIN}{END}"])
def test_card_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(CardError, match="the card of qwen3-8b needs the line"):
        render_card(load_catalogue().get_entry("qwen3-8b"), load_catalogue(), text)


def test_front_matter_that_does_not_end_is_refused_and_nothing_is_lost(folder: Path) -> None:
    card = folder / "qwen3-8b.md"
    broken = card.read_text(encoding="utf-8").replace("- quantized\n---\n", "- quantized\n")
    card.write_text(broken, encoding="utf-8")
    assert cards.main([], folder=folder) == 1
    assert card.read_text(encoding="utf-8") == broken


def test_missing_card_and_stray_card_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "qwen3-8b.md").rename(folder / "qwen4.md")
    assert cards.main(["--check"], folder=folder) == 1
    assert "no model in the registry has the card qwen4.md" in capsys.readouterr().err
    (folder / "qwen4.md").unlink()
    assert cards.main([], folder=folder) == 1
    assert "the card of qwen3-8b is missing" in capsys.readouterr().err


@pytest.mark.parametrize("model", IDS)
def test_front_matter_is_yaml_with_the_hub_keys(model: str) -> None:
    entry = load_catalogue().get_entry(model)
    matter = yaml.safe_load(read(model).split("---\n")[1])
    assert matter == build_front_matter(entry, load_catalogue())
    assert set(matter) <= HUB_KEYS
    assert HUB_KEYS - set(matter) <= {"language", "base_model_relation"}
    first = entry.variants[0]
    quantized = first.format not in UNQUANTIZED_FORMATS and first.hub_id != entry.upstream
    assert (matter.get("base_model_relation") == "quantized") == quantized
    assert ("language" in matter) == (entry.languages is not None)


@pytest.mark.parametrize("model", IDS)
def test_card_has_both_halves(model: str) -> None:
    lines = read(model).splitlines()
    assert [line for line in (*HANDWRITTEN, *GENERATED) if lines.count(line) != 1] == []


@pytest.mark.parametrize("model", IDS)
def test_card_quotes_upstream_with_an_address(model: str) -> None:
    section = read(model).partition("## What upstream says")[2].partition("\n## ")[0]
    quotes = [block for block in section.split("\n\n") if block.startswith('> "')]
    assert quotes
    assert [quote for quote in quotes if "<https://" not in quote] == []


def test_there_is_a_quantised_card_of_each_family_and_the_embedder() -> None:
    quantized = {entry.family for entry in load_catalogue().models if entry.variants[0].format in FOUR_BIT_FORMATS}
    assert {"llama", "mistral", "qwen3"} <= quantized <= {family.name for family in FAMILIES}
    assert "all-minilm-l6-v2" in IDS


def test_llama_cards_say_built_with_llama_and_list_the_thresholds() -> None:
    for model in ("llama-3.1-8b-instruct", "llama-3.3-70b-instruct"):
        text = read(model)
        assert "Built with Llama." in text
        assert "700 million monthly active users" in text
    assert "European Union" in read("llama-3.3-70b-instruct")


def test_embedder_card_says_that_its_provenance_is_unverified() -> None:
    text = read("all-minilm-l6-v2")
    assert "third party's repackaging, and its provenance is unverified" in text
    assert "Measured only." in text


def test_fit_that_cannot_be_computed_says_why_instead_of_a_figure() -> None:
    catalogue = with_change("qwen3-14b", kv_heads=None)
    text = build_deployment(catalogue.get_entry("qwen3-14b"), catalogue)
    fit = text.partition("### Hardware fit")[2].partition("###")[0]
    assert "kv_heads is not known" in fit
    assert "GB" not in fit


def test_missing_report_is_printed_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cards.main(["--missing"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == KNOWN
    assert cards.main(["--missing", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema_version"] == 1
    assert [model["id"] for model in report["models"]] == KNOWN
    assert [model["id"] for model in report["models"] if model["card"]] == IDS
    for model in report["models"]:
        assert model["revision_pinned"] == (not any(path.endswith(".revision") for path in model["missing"]))
    assert [model["id"] for model in report["models"] if model["revision_pinned"]] == ["mistral-7b-instruct-v0.3"]


def test_index_lists_every_card_with_its_missing_facts() -> None:
    index = (cards.FOLDER / "README.md").read_text(encoding="utf-8")
    for report in cards.build_reports(load_catalogue()):
        name = load_catalogue().get_entry(report.id).name
        shown = f"[{name}]({report.card})" if report.card else name
        pinned = "yes" if report.revision_pinned else "no"
        assert f"| {shown} | `{report.licence}` | {pinned} | {len(report.missing)} |" in index
        assert [path for path in report.missing if f"- `{path}`" not in index] == []
