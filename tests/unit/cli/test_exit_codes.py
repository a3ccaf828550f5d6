"""The command's exit codes are those that its reference page has: what is wrong is said by the number too."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance import settings
from appliance.cli import __main__ as command
from appliance.cli import exit_codes
from tests.unit.inference.model_folders import write_model

WRONG_CATALOGUE = "catalogue: {models: [{id: our-model, colour: blue}]}\n"
End = Callable[..., int]


@pytest.fixture
def end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[End]:
    """Runs the command in an installation of this test's own, whose appliance.yaml it writes; its exit code."""
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / "appliance.yaml"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def run(*arguments: str, configuration: str = "") -> int:
        (tmp_path / "appliance.yaml").write_text(f"data_dir: var\n{configuration}")
        settings.load.cache_clear()
        monkeypatch.setattr(sys, "argv", ["appliance", *arguments])
        try:
            return command.main()
        except SystemExit as ended:
            return int(ended.code or 0)

    yield run
    settings.load.cache_clear()


@pytest.mark.parametrize(
    "arguments",
    [
        ("models", "pin"),
        ("models", "pin", "--all"),
        ("models", "pin", "qwen3-8b", "--hub", "--from", "."),
        ("models", "verify", "--renew"),
        ("models", "activate", "qwen3-8b", "--acknowledge-licence"),
        ("bench", "serving", "--proxy-url", "https://gpu:8443"),
        ("bench", "serving", "--url", "http://gpu:8000", "--ca-file", "ca.pem"),
        ("models", "plan", "--gpu", "voodoo"),
        ("models", "plan", "--count", "4"),
        ("models", "plan", "--gpu", "l4", "--cpu"),
        ("models", "plan", "--cpu", "--tensor-parallel", "2"),
        ("models", "plan", "--cpu", "--pipeline-parallel", "2"),
        ("models", "plan", "qwen3-8b", "--configured"),
        ("models", "plan", "--configured", "--gpu", "l4"),
        ("models", "plan", "--configured", "--context", "4096"),
        ("logs", "nothing"),
        ("models", "no-such-verb"),
    ],
)
def test_command_that_was_written_wrongly_ends_with_2(end: End, arguments: tuple[str, ...]) -> None:
    assert end(*arguments) == exit_codes.USAGE


def test_name_that_is_no_persons_ends_with_2(end: End, tmp_path: Path) -> None:
    model = str(write_model(tmp_path / "small"))
    arguments = ("models", "activate", model, "--acknowledge-licence", "--as")
    assert end(*arguments, "7", configuration="model: {device: cpu}\n") == exit_codes.USAGE


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",), ("plan",), ("plan", "--configured"), ("show", "qwen3-8b"), ("show",), ("pin", "qwen3-8b", "--hub"),
        ("activate", "Qwen/Qwen3-8B"), ("quantize", "nothing"),
    ],
)  # fmt: skip
def test_catalogue_that_appliance_yaml_has_wrong_ends_with_3(
    end: End, capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    assert end("models", *arguments, configuration=WRONG_CATALOGUE) == exit_codes.UNUSABLE
    assert f"{tmp_path / 'appliance.yaml'} describes a model wrongly: catalogue.models" in capsys.readouterr().err


def test_model_is_not_called_refused_because_the_catalogue_is_wrong(
    end: End, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = write_model(tmp_path / "m")
    assert end("models", "import", str(model), "--hub-id", "Qwen/Qwen3-0.6B", "--revision", "main") == 0
    assert end("models", "verify") == 0
    capsys.readouterr()
    assert end("models", "verify", configuration=WRONG_CATALOGUE) == exit_codes.UNUSABLE
    shown = capsys.readouterr()
    assert "refused" not in shown.out
    assert "describes a model wrongly" in shown.err


def test_model_that_will_not_do_ends_with_1(end: End) -> None:
    assert end("models", "activate", "nothing") == exit_codes.PROBLEM
    assert end("models", "show", "nothing") == exit_codes.PROBLEM
