"""A kept comparison is about exactly the files it was made of; a card takes only what is about its weights."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from inference.registry import cards
from inference.registry.card import BEGIN, END, build_deployment
from inference.registry.card_measured import FOLDER, read_measured
from inference.registry.comparison import ComparisonError, find_kept, keep
from inference.registry.errors import CardError
from inference.registry.load import load_catalogue
from inference.registry.store import Stored, list_stored, remove, seal
from inference.registry.verification import verify
from tests.unit.inference.comparing import authored
from tests.unit.inference.model_folders import write_model

AWQ = "Qwen/Qwen3-8B-AWQ"


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """A model in a store of its own."""
    models_dir = tmp_path / "model"
    models_dir.mkdir()
    folder = write_model(models_dir / "small@123456789012")
    (folder / "imported.json").write_text(json.dumps({"name": "small", "revision": "123456789012"}))
    (folder / "imported.json").chmod(0o644)
    seal(folder)
    (found,) = list_stored(models_dir)
    return found


def report_of(stored: Stored) -> dict[str, Any]:
    return authored.build(manifest_sha256=hashlib.sha256((stored.folder / "MANIFEST").read_bytes()).hexdigest())


def test_comparison_is_kept_beside_the_model_which_stays_sealed(stored: Stored) -> None:
    models_dir, report = stored.folder.parent, report_of(stored)
    assert find_kept(stored.folder, models_dir=models_dir) is None
    file = keep(stored.folder, report, models_dir=models_dir)
    assert file.parent == models_dir / "verified"
    assert file.name.endswith(".comparison.json")
    assert find_kept(stored.folder, models_dir=models_dir) == report
    verify(stored.folder, models_dir=models_dir, full=True)


def test_comparison_of_other_files_is_not_shown(stored: Stored) -> None:
    models_dir = stored.folder.parent
    keep(stored.folder, authored.build(manifest_sha256="0" * 64), models_dir=models_dir)
    assert find_kept(stored.folder, models_dir=models_dir) is None


def test_comparison_that_cannot_be_read_is_not_shown(stored: Stored) -> None:
    models_dir = stored.folder.parent
    file = keep(stored.folder, report_of(stored), models_dir=models_dir)
    for text in ("{", "[]", '{"schema_version": 1}', json.dumps({**report_of(stored), "schema_version": 2})):
        file.write_text(text)
        assert find_kept(stored.folder, models_dir=models_dir) is None


def test_comparison_goes_with_the_model(stored: Stored) -> None:
    models_dir = stored.folder.parent
    file = keep(stored.folder, report_of(stored), models_dir=models_dir)
    remove(stored, models_dir=models_dir)
    assert not file.exists()


def test_comparison_that_cannot_be_written_is_said(stored: Stored) -> None:
    (stored.folder.parent / "verified").write_text("in the way")
    with pytest.raises(ComparisonError, match="cannot be written"):
        keep(stored.folder, report_of(stored), models_dir=stored.folder.parent)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir()
    return tmp_path


def write_measured(folder: Path, name: str = "Qwen3-8B-AWQ", **changes: Any) -> None:
    report = authored.build(**{"hub_id": AWQ, **changes})
    (folder / FOLDER / f"{name}.json").write_text(json.dumps(report))


def test_card_shows_what_was_measured_of_its_weights(folder: Path) -> None:
    write_measured(folder)
    catalogue = load_catalogue()
    entry = catalogue.get_entry("qwen3-8b")
    text = build_deployment(entry, catalogue, read_measured(folder, catalogue))
    part = text.split("### Against its parent: measured")[1].split("\n### ")[0]
    assert "| Perplexity | 10.0000 | 11.0000 | 1.1000 x |" in part
    assert "4 questions are a small sample" in part
    assert "Measured on 2026-11-24 with 1 x NVIDIA L40S (vllm 0.32.0), against `Qwen/Qwen3-8B@main`." in part
    assert "measured" not in build_deployment(entry, catalogue).split("### Hardware fit")[0]


def test_folder_of_cards_takes_up_what_was_measured(folder: Path) -> None:
    write_measured(folder)
    catalogue = load_catalogue()
    for entry in catalogue.models:
        if entry.card:
            (folder / f"{entry.id}.md").write_text(f"# {entry.name}\n\n{BEGIN}\n\n{END}\n")
    files = cards.build_files(catalogue, folder)
    assert [path.name for path, text in files.items() if "### Against its parent: measured" in text] == ["qwen3-8b.md"]


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("tiny-qwen3", {}, "no weights of that name"),
        ("Qwen3-8B-AWQ", {"hub_id": None, "reference": "tiny-qwen3"}, "it is about tiny-qwen3, and the card about"),
        ("Qwen3-8B-AWQ", {"quantization": "bitsandbytes"}, "made 4-bit while they were loaded"),
    ],
)
def test_measurement_of_something_else_gets_into_no_card(
    folder: Path, name: str, changes: dict[str, Any], problem: str
) -> None:
    write_measured(folder, name, **changes)
    with pytest.raises(CardError, match=problem):
        read_measured(folder, load_catalogue())


def test_measurement_that_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / FOLDER / "Qwen3-8B-AWQ.json").write_text("{}")
    with pytest.raises(CardError, match="is not what `models compare --json` prints"):
        read_measured(folder, load_catalogue())


def test_committed_cards_hold_no_measurement_but_of_their_weights() -> None:
    """Whatever lies in the repository was accepted by the rules above."""
    read_measured(cards.FOLDER, load_catalogue())
