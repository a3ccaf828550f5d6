"""The one program behind ``make generate``. Whether the pages are up to date is for the architecture tests to say."""

from pathlib import Path

import pytest

from appliance.settings.generating import generate


def test_stale_and_missing_files_are_named_and_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.md").write_text("before")
    (tmp_path / "same.md").write_text("same")
    files = {tmp_path / "old.md": "after", tmp_path / "new" / "page.md": "first", tmp_path / "same.md": "same"}
    assert generate(lambda: files, ["--check"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{tmp_path / name} is out of date: run `make generate`." for name in ("old.md", "new/page.md")]
    assert (tmp_path / "old.md").read_text() == "before"
    assert not (tmp_path / "new").exists()

    assert generate(lambda: files, []) == 0
    assert {path: path.read_text() for path in files} == files
    assert generate(lambda: files, ["--check"]) == 0


def test_file_that_is_right_is_not_written_again(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("same")
    before = page.stat().st_mtime_ns
    assert generate(lambda: {page: "same"}, []) == 0
    assert page.stat().st_mtime_ns == before
