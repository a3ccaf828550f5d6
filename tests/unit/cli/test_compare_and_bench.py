"""``models compare`` and ``bench serving`` refuse before anything is started."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from appliance import settings
from appliance.cli import exit_codes
from appliance.cli.app import application
from appliance.local.errors import LocalError
from tests.unit.inference.model_folders import write_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation of this test's own, with a text and a file of questions."""
    (tmp_path / "appliance.yaml").write_text(f"data_dir: {tmp_path / 'var'}\n")
    (tmp_path / "text.txt").write_text("A text.")
    (tmp_path / "questions.jsonl").write_text("")
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / "appliance.yaml"))
    settings.load.cache_clear()
    yield tmp_path
    settings.load.cache_clear()


def compare(folder: Path, *arguments: str) -> Result:
    files = ["--text", str(folder / "text.txt"), "--questions", str(folder / "questions.jsonl")]
    return CliRunner().invoke(application, ["models", "compare", *arguments, *files])


def test_compare_refuses_a_model_that_is_nowhere(folder: Path) -> None:
    error = compare(folder, "nothing").exception
    assert isinstance(error, LocalError)
    assert "nothing is not among the models that were imported or fetched: none." in str(error)


def test_compare_asks_for_the_parent_of_a_model_that_names_none(folder: Path) -> None:
    model = write_model(folder / "small")
    error = compare(folder, str(model)).exception
    assert isinstance(error, LocalError)
    assert "small does not say what it was made from. Name it: bin/appliance models compare small PARENT" in str(error)


def test_compare_refuses_a_model_that_may_not_be_loaded(folder: Path) -> None:
    model = write_model(folder / "small")
    (model / "modeling.py").write_text("")
    error = compare(folder, str(model), str(model)).exception
    assert isinstance(error, LocalError)
    assert "modeling.py" in str(error)


def test_compare_names_a_file_that_is_not_there(folder: Path) -> None:
    model = write_model(folder / "small")
    (folder / "text.txt").unlink()
    error = compare(folder, str(model), "--bitsandbytes").exception
    assert isinstance(error, LocalError)
    assert "text.txt cannot be read: No such file or directory" in str(error)


def test_bench_says_that_no_engine_runs(folder: Path) -> None:
    result = CliRunner().invoke(application, ["bench", "serving"])
    assert result.exit_code == exit_codes.NOT_RUNNING
    assert "No engine is running. Start the appliance with a model: bin/appliance up" in result.output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--proxy-url", "https://gpu:8443"], "name it with --url"),
        (["--url", "http://127.0.0.1:1", "--ca-file", "ca.pem"], "belong together: name all three"),
    ],
)
def test_bench_refuses_half_of_an_address(folder: Path, arguments: list[str], problem: str) -> None:
    error = CliRunner().invoke(application, ["bench", "serving", *arguments]).exception
    assert isinstance(error, LocalError)
    assert problem in str(error)
