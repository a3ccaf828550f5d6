"""A release's digest changes with what the processes run, and with nothing else."""

from pathlib import Path

import pytest

from appliance.local.release import Release, read_release
from appliance.settings import Settings
from appliance.settings.model import Worker

SETTINGS = Settings(data_dir=Path("/data"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("webapp/a.py", "appliance/b.py", "inference/c.py", "docs/d.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def changed(before: Release, after: Release) -> set[str]:
    return {name for name in ("webapp", "inference", "demonstration") if getattr(before, name) != getattr(after, name)}


def test_nothing_changed_gives_the_same_release(root: Path) -> None:
    assert read_release(root, SETTINGS) == read_release(root, SETTINGS)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("webapp/a.py", {"webapp"}),
        ("inference/new.py", {"inference"}),
        ("docs/d.md", {"demonstration"}),
        ("README.md", {"demonstration"}),
        (".venv/webapp/appliance.stamp", {"webapp"}),
        ("webapp/__pycache__/a.pyc", set()),
        ("tests/test_a.py", set()),
    ],
)
def test_changed_file_changes_what_runs_it(root: Path, file: str, expected: set[str]) -> None:
    before = read_release(root, SETTINGS)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text("changed")
    assert changed(before, read_release(root, SETTINGS)) == expected


def test_changed_setting_restarts_the_web_application(root: Path) -> None:
    other = SETTINGS.model_copy(update={"worker": Worker(concurrency=2)})
    assert changed(read_release(root, SETTINGS), read_release(root, other)) == {"webapp"}
