"""Files of readings: each says what it is, and none passes for hardware."""

import json
from pathlib import Path

import pytest

from inference.metrics.replay import ReplayError, open_replay
from tests.unit.inference.metrics.fixtures import FOLDER, NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_labelled_and_keeps_its_label(name: str) -> None:
    document = json.loads((FOLDER / f"{name}.json").read_text())
    source = "recorded" if name.endswith("-recorded") else "authored"  # `make test-gpu` records, where there is a GPU
    assert document["source"] == source
    assert document["about"].endswith(".")
    assert open_replay(FOLDER / f"{name}.json").source == source


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "cannot be read"),
        ("[]", "not a file of readings of schema version 1"),
        ('{"schema_version": 2, "source": "authored"}', "not a file of readings of schema version 1"),
        ('{"schema_version": 1}', "must say where it comes from: source is one of authored, recorded"),
        ('{"schema_version": 1, "source": "nvml"}', "must say where it comes from"),
    ],
)
def test_file_that_does_not_say_what_it_is_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "readings.json"
    file.write_text(content)
    with pytest.raises(ReplayError, match=problem):
        open_replay(file)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"absent\.json cannot be read"):
        open_replay(tmp_path / "absent.json")
