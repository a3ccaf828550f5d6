"""What is recorded of the model that another is made from: its licence is known by it."""

from pathlib import Path

import pytest

from inference.quantization.parents import Found, build_parent, find_parent
from inference.registry.fetched import build_folder, write_marker
from inference.registry.load import load_catalogue
from inference.registry.store import write_imported
from inference.registry.verification import verify
from tests.unit.inference.quantization.parents import write_parent

HUB_ID = "meta-llama/Llama-3.3-70B-Instruct"


def find(wanted: Path | str, models_dir: Path) -> Found:
    return find_parent(str(wanted), models_dir=models_dir, catalogue=load_catalogue())


@pytest.mark.parametrize(("name", "marked"), [("ours", True), ("Llama-3.3-70B-Instruct", False)])
def test_copy_outside_of_the_store_keeps_the_licence_of_the_model_it_is(
    tmp_path: Path, name: str, marked: bool
) -> None:
    folder = write_parent(tmp_path / name)
    if marked:
        write_marker(folder, hub_id=HUB_ID, revision="main", commit="c0ffee")
    (tmp_path / "model").mkdir()
    found = find(folder, tmp_path / "model")
    recorded = build_parent(found, verify(folder, models_dir=tmp_path / "model"))
    assert (found.hub_id, recorded.hub_id) == (None, HUB_ID)  # it is a copy, and nobody compared it with the hub's


def test_model_of_the_store_has_that_of_its_marker_and_one_of_nobody_has_none(tmp_path: Path) -> None:
    fetched = write_parent(build_folder(tmp_path, hub_id=HUB_ID, revision="main"))
    write_marker(fetched, hub_id=HUB_ID, revision="main", commit="c0ffee")
    write_imported(write_parent(tmp_path / "ours@0123"), name="ours", revision="0123", kind="directory")
    assert (found := find(f"{HUB_ID}@main", tmp_path)).hub_id == found.origin == HUB_ID
    assert (find("ours", tmp_path).hub_id, find("ours", tmp_path).origin) == (None, None)
