"""``models plan --configured``: the models of appliance.yaml together, as an operator sees them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from appliance import settings
from appliance.cli.app import application
from appliance.local import engines
from inference.registry.machine import MachineFacts
from tests.unit.inference.model_folders import edit_json, write_model

GIB = 1024**3
SIZES = {
    "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 1024, "max_position_embeddings": 16384,
    "torch_dtype": "bfloat16",
}  # fmt: skip


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Writes appliance.yaml with a main model and a further one."""
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / "appliance.yaml"))
    for name in ("main", "coder"):
        edit_json(write_model(tmp_path / name) / "config.json", **SIZES)
    facts = MachineFacts((), False, 16 * GIB, "x86_64", frozenset({"avx2"}), True, True)
    monkeypatch.setattr(engines, "gather_machine_facts", lambda **_named: facts)

    def write(**further: Any) -> None:
        coder = {"path": "coder", "port": 8411, "device": "cpu", "kv_cache_gib": 1.0, **further}
        document = {"model": {"path": "main", "device": "cpu"}, "further_models": {"coder": coder}}
        (tmp_path / "appliance.yaml").write_text(yaml.safe_dump(document))
        settings.load.cache_clear()

    yield write
    settings.load.cache_clear()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application, ["models", "plan", "--configured", *arguments])


def test_each_model_is_listed_with_what_it_gets(configure: Any) -> None:
    configure()
    lines = run().output.splitlines()
    assert lines[0].split() == ["Name", "Model", "For", "On", "Share", "Weights", "Cache", "Tokens"]
    assert lines[2].split() == ["coder", "coder", "generation", "CPU", "0.00", "GiB", "1.00", "GiB", "1,048,576"]


def test_draft_model_counts_with_its_weights_and_its_cache(configure: Any) -> None:
    configure()
    _, alone = json.loads(run("--json").output)["models"]
    configure(speculative={"method": "draft_model", "draft": "main"})
    main, coder = json.loads(run("--json").output)["models"]
    assert coder["weights_bytes"] == alone["weights_bytes"] + main["weights_bytes"]
    assert coder["kv_tokens"] == alone["kv_tokens"] // 2


def test_models_that_do_not_fit_together_are_said_with_figures_and_the_exit_code(configure: Any) -> None:
    configure(kv_cache_gib=12.0)
    result = run()
    assert result.exit_code == 1
    assert "The engines need 17.0 GiB of memory together, and this machine has 16.0 GiB" in result.output
    document = json.loads(run("--json").output)
    assert "need 17.0 GiB" in document["problem"]
    assert [model["kv_tokens"] for model in document["models"]] == [None, None]


def test_model_that_is_not_here_is_said_and_the_others_are_planned(configure: Any) -> None:
    configure(path="absent")
    document = json.loads(run("--json").output)
    main, coder = document["models"]
    assert main["kv_tokens"] == 1048576
    assert "there is no such directory" in coder["reason"]


@pytest.mark.parametrize(
    ("model", "problem", "reason"),
    [
        ({"path": "absent"}, "model cannot be served as configured.", "there is no such directory"),
        ({"path": "main", "max_context_tokens": 999999}, "model cannot be served as configured.", "not 999,999"),
        ({"path": "main", "device": "cuda"}, "model cannot be served as configured.", "no NVIDIA GPU was found"),
        ({"hub_id": "example/not-here"}, "", "example/not-here"),
        ({"automatic": False}, "", "None is named or activated"),
        ({}, "", ""),
    ],
)
def test_only_a_named_model_that_cannot_be_served_is_a_problem(
    configure: Any, tmp_path: Path, model: dict[str, Any], problem: str, reason: str
) -> None:
    configure()
    document = {"data_dir": str(tmp_path / "var"), "model": {"device": "cpu", **model}}
    (tmp_path / "appliance.yaml").write_text(yaml.safe_dump(document))
    settings.load.cache_clear()
    result = run("--json")
    said = json.loads(result.output)
    assert (said["problem"], result.exit_code) == (problem, 1 if problem else 0)
    assert reason in said["models"][0]["reason"]
    assert problem in run().output


def test_damaged_record_of_what_was_activated_is_about_the_main_model_alone(configure: Any, tmp_path: Path) -> None:
    configure()
    document = {
        "data_dir": str(tmp_path / "var"), "model": {"device": "cpu", "automatic": False},
        "further_models": {"coder": {"hub_id": "example/not-here", "port": 8411, "device": "cpu"}},
    }  # fmt: skip
    (tmp_path / "appliance.yaml").write_text(yaml.safe_dump(document))
    settings.load.cache_clear()
    (tmp_path / "var" / "model").mkdir(parents=True)
    (tmp_path / "var" / "model" / "active.json").write_text("{")
    result = run("--json")
    main, coder = json.loads(result.stdout)["models"]
    assert "active.json cannot be read" in main["reason"]
    assert "example/not-here" in coder["reason"]
    assert json.loads(result.stdout)["problem"] == "model cannot be served as configured."


def test_damaged_record_keeps_nothing_from_a_model_that_the_settings_name(configure: Any, tmp_path: Path) -> None:
    configure()
    document = {"data_dir": str(tmp_path / "var"), "model": {"path": "main", "device": "cpu"}}
    (tmp_path / "appliance.yaml").write_text(yaml.safe_dump(document))
    settings.load.cache_clear()
    (tmp_path / "var" / "model").mkdir(parents=True)
    (tmp_path / "var" / "model" / "active.json").write_text("{")
    (main,) = json.loads(run("--json").stdout)["models"]
    assert (main["model"], main["reason"]) == ("main", "")


def test_every_model_that_cannot_be_served_is_named_beside_those_that_do_not_fit(configure: Any) -> None:
    configure(path="absent")
    assert json.loads(run("--json").output)["problem"] == "coder cannot be served as configured."
