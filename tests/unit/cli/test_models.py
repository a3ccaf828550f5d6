"""``models list``, ``show`` and ``plan`` as an operator calls them."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from appliance import settings
from appliance.cli.app import application
from appliance.cli.models.columns import align
from appliance.local.errors import LocalError
from appliance.settings import SettingsError
from inference.registry.load import SOURCE, load_catalogue
from tests.unit.cli.test_configured import SIZES
from tests.unit.inference.model_folders import edit_json, write_model

IDS = [entry.id for entry in load_catalogue().models]


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An ``appliance.yaml`` of this test's own, empty."""
    file = tmp_path / "appliance.yaml"
    file.write_text("")
    monkeypatch.setenv("APPLIANCE_CONFIG", str(file))
    settings.load.cache_clear()
    yield file
    settings.load.cache_clear()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application, ["models", *arguments])


def run_json(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_list_has_every_model_for_people_and_for_programs(configuration: Path) -> None:
    document = run_json("list")
    assert document["schema_version"] == 1
    assert [model["id"] for model in document["models"]] == IDS
    lines = run("list").output.splitlines()
    shown = [line.split()[0] for line in lines[:-1] if line and not line.startswith("For ")]
    assert sorted(shown) == sorted(IDS)
    assert {line for line in lines if len(line) > 80} == set()


@pytest.mark.parametrize("purpose", ["generation", "embedding", "reranking"])
def test_list_of_one_purpose_has_its_models_only(configuration: Path, purpose: str) -> None:
    models = run_json("list", "--purpose", purpose)["models"]
    assert {model["purpose"] for model in models} == {purpose}
    lines = run("list", "--purpose", purpose).output.splitlines()
    assert lines[0].startswith(f"For {purpose}")
    assert len(lines) == len(models) + 2


def test_list_computes_parameters_where_the_facts_are_known(configuration: Path) -> None:
    parameters = {model["id"]: model["parameters"] for model in run_json("list")["models"]}
    assert parameters["qwen3-30b-a3b-instruct-2507"] / 1e9 == pytest.approx(30.5, rel=0.005)
    assert parameters["devstral-small-2-24b-instruct-2512"] / 1e9 == pytest.approx(23.6, rel=0.005)
    assert parameters["qwen3-reranker-0.6b"] is None, "its vocabulary is not known"
    assert parameters["qwen3.5-9b"] is None, "its layers are of several kinds"


def test_show_says_everything_that_is_known_and_what_is_not(configuration: Path) -> None:
    document = run_json("show", "Qwen/Qwen3-8B-AWQ")
    assert document["entry"]["id"] == "qwen3-8b"
    assert (document["tool_parser"], document["reasoning_parser"]) == ("qwen3_json", "qwen3")
    assert "variants[Qwen3-8B-AWQ].revision" in document["missing"]
    assert document["sources"]["apache-licence"]["address"].startswith("https://")
    text = run("show", "qwen3-8b").output
    assert "kv_heads                  8\n" in text
    assert "  variants[Qwen3-8B-AWQ].revision\n" in text


def test_show_lists_the_obligations_of_the_licence(configuration: Path) -> None:
    text = run("show", "llama-3.2-1b-instruct").output
    assert "700 million monthly active users" in text
    assert "European Union" in text


def test_unknown_model_is_refused_with_those_that_are_closest(configuration: Path) -> None:
    for verb in ("show", "plan"):
        error = run(verb, "qwen3-06b").exception
        assert isinstance(error, LocalError)
        assert str(error).startswith("There is no model 'qwen3-06b' in the catalogue. Closest to it: qwen3-0.6b, ")
        assert str(error).endswith("All there are: bin/appliance models list")
        assert str(run(verb, "zzz").exception) == (
            "There is no model 'zzz' in the catalogue. All there are: bin/appliance models list"
        )


def test_plan_of_a_gpu_is_a_line_for_each_set_of_weights(configuration: Path) -> None:
    document = run_json("plan", "--gpu", "l40s", "--count", "2")
    assert document["machine"]["gpu"] == "NVIDIA L40S"
    text = run("plan", "--gpu", "l40s", "--count", "2").output
    assert text.startswith("2 x NVIDIA L40S, 45.0 GiB each\n  Weights as ")
    assert text.count("\n") > len(document["plans"])
    assert text.rstrip().endswith("Computed from the models' dimensions, not measured.")


@pytest.mark.parametrize("node", [("--gpu", "b300", "--count", "8"), ("--gpu", "t4"), ("--cpu",)])
def test_plan_of_every_model_keeps_to_80_columns(configuration: Path, node: tuple[str, ...]) -> None:
    table, _, reasons = run("plan", *node).output.partition("\n\n")
    assert {line for line in table.splitlines() if len(line) > 80} == set()
    assert [line for line in table.splitlines()[2:] if line[0] not in " *"] == IDS
    rows = [line.split() for line in table.splitlines() if line.startswith("  ")][1:]
    verdicts = [plan["verdict"] for plan in run_json("plan", *node)["plans"]]
    assert [row[-2:] == ["measured", "only"] for row in rows] == [each == "measured only" for each in verdicts]
    assert "fits" not in {row[-1] for row in rows}
    assert reasons.count("\n") >= sum(each != "fits" for each in verdicts)


def test_model_of_the_store_is_planned_by_its_name(configuration: Path, tmp_path: Path) -> None:
    configuration.write_text("data_dir: var\n")
    settings.load.cache_clear()
    source = write_model(tmp_path / "our-model")
    edit_json(source / "config.json", **SIZES)
    assert run("import", str(source)).exit_code == 0
    (plan, _) = run_json("plan", "our-model", "--gpu", "l4")["plans"]
    assert (plan["model"], plan["verdict"], plan["format"]) == ("our-model", "fits", "bf16")
    assert plan["weights"].startswith("our-model@")
    assert "Closest to it: our-model." in str(run("plan", "our-modle").exception)


@pytest.mark.parametrize("name", ["/srv/models/absent", "./absent", "~/absent"])
def test_plan_of_a_directory_that_is_not_there_says_so(configuration: Path, name: str) -> None:
    error = run("plan", name).exception
    assert isinstance(error, LocalError)
    assert str(error) == f"{name}: there is no such directory."


def test_plan_of_one_model_shows_its_flags(configuration: Path) -> None:
    text = run("plan", "qwen3-32b", "--gpu", "t4", "--count", "2").output
    assert "Weights                  9.2 GiB on each of 2 GPUs" in text
    assert "--tensor-parallel-size 2" in text


def test_plan_of_one_model_agrees_with_its_flags_which_a_shell_reads(configuration: Path) -> None:
    text = run("plan", "qwen3-32b", "--gpu", "l40s").output
    assert "Longest conversation     16,384 tokens, as --max-model-len says; 32,768 would fit" in text
    (line, *_) = (each for each in text.splitlines() if "vLLM's flags" in each)
    flags = shlex.split(line.partition("flags ")[2])
    assert flags[flags.index("--default-chat-template-kwargs") + 1] == '{"enable_thinking": false}'


def test_plan_without_a_gpu_is_for_this_machine(configuration: Path) -> None:
    configuration.write_text("model: {kv_cache_gib: 3}\n")
    settings.load.cache_clear()
    document = run_json("plan", "qwen3-0.6b", "--cpu")
    assert document["machine"]["kv_cache_bytes"] == 3 * 1024**3
    assert document["machine"]["memory_bytes"] > 0


def test_plan_uses_the_share_of_memory_that_the_settings_name(configuration: Path) -> None:
    configuration.write_text("model: {memory_fraction: 0.5}\n")
    settings.load.cache_clear()
    document = run_json("plan", "qwen3-0.6b", "--gpu", "t4")
    assert document["question"]["memory_fraction"] == 0.5
    flags = document["plans"][0]["flags"]
    assert flags[flags.index("--gpu-memory-utilization") + 1] == "0.5"


def test_unknown_gpu_is_refused(configuration: Path) -> None:
    error = run("plan", "--gpu", "voodoo").exception
    assert isinstance(error, LocalError)
    assert "a16, t4, rtx-5080" in str(error)


def test_own_model_is_planned_and_a_wrong_one_refused_as_settings(configuration: Path) -> None:
    shipped = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["models"]
    model = next(each for each in shipped if each["id"] == "qwen3-8b") | {"id": "our-model", "card": False}
    configuration.write_text(yaml.safe_dump({"catalogue": {"models": [model]}}))
    settings.load.cache_clear()
    assert {each["model"] for each in run_json("plan", "our-model", "--gpu", "l4")["plans"]} == {"our-model"}
    configuration.write_text(yaml.safe_dump({"catalogue": {"models": [model | {"colour": "blue"}]}}))
    settings.load.cache_clear()
    error = run("list").exception
    assert isinstance(error, SettingsError)
    assert f"{configuration} describes a model wrongly: catalogue.models[our-model].colour" in str(error)


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert align(("a", "bb"), [("long", "1"), ("x", "22")], right=("bb",)) == ["a     bb", "long   1", "x     22"]
