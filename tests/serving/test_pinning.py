"""``models pin --hub`` with the hub's real client, against a stand-in for somebody else's hub."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from appliance.cli.app import application
from appliance.local import model_choice
from appliance.local.directories import ensure_directories
from appliance.local.errors import LocalError
from appliance.local.instance import open_appliance
from appliance.settings import load
from inference.registry.spec import ModelSpec
from tests.engines.launch import INFERENCE_PYTHON, ROOT, free_port
from tests.serving.hub import COMMIT, Hub, offer
from tests.unit.inference.model_folders import FIRST, write_model
from tests.unit.inference.test_verification import change_a_byte

HUB_ID = "Qwen/Qwen3-0.6B"
MOVED = "f" * 40


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation of its own that nothing was started in; the components' user may enter it."""
    folder = Path(tempfile.mkdtemp(prefix="appl-"))
    folder.chmod(0o755)
    (folder / "appliance.yaml").write_text("data_dir: var\nmodel: {automatic: false, device: cpu}\n")
    monkeypatch.setenv("APPLIANCE_CONFIG", str(folder / "appliance.yaml"))
    load.cache_clear()
    yield folder
    load.cache_clear()
    shutil.rmtree(folder)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Offers a small model under the name of one of the catalogue, and says its sums."""
    with offer(write_model(tmp_path / "m"), hub_id=HUB_ID, says_sums=True) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application, ["models", *arguments])


def read_pins(folder: Path) -> dict[str, Any]:
    document = json.loads((folder / "var" / "model" / "pins.json").read_text())
    assert document["schema_version"] == 1
    pins: dict[str, Any] = document["pins"]
    return pins


def test_hub_fills_commit_size_and_sums_without_giving_a_file(folder: Path, hub: Hub) -> None:
    result = run("pin", HUB_ID, "--hub")
    assert result.exit_code == 0, result.output
    weights = sorted(hub.folder.glob("*.safetensors"))
    pin = read_pins(folder)[HUB_ID]
    assert pin["revision"] == COMMIT
    assert pin["bytes_on_disk"] == sum(file.stat().st_size for file in weights)
    assert pin["sha256"] == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in weights}
    assert (pin["origin"], pin["tool_version"]) == (f"hub {hub.url}", "llm-appliance 0.1.0")
    assert not [asked for asked in hub.asked if "/resolve/" in asked]
    text = run("show", HUB_ID).output
    assert f"{HUB_ID}: bf16, revision {COMMIT}" in text
    assert f"revision, bytes_on_disk, sha256: pinned here on {pin['pinned_at'][:10]} from hub {hub.url}" in text
    assert "variants[Qwen3-0.6B].revision" not in text


def test_revision_that_moved_is_refused_by_name_and_taken_only_when_it_is_wanted(folder: Path, hub: Hub) -> None:
    assert run("pin", HUB_ID, "--hub").exit_code == 0
    before = (folder / "var" / "model" / "pins.json").read_bytes()
    hub.commit = MOVED
    error = run("pin", HUB_ID, "--hub").exception
    assert isinstance(error, LocalError)
    assert f"{HUB_ID} is not what was pinned here on " in str(error)
    assert f"the commit was {COMMIT} and is {MOVED}" in str(error)
    assert "Nothing was pinned" in str(error)
    assert (folder / "var" / "model" / "pins.json").read_bytes() == before
    assert run("pin", HUB_ID, "--hub", "--replace").exit_code == 0
    pin = read_pins(folder)[HUB_ID]
    assert pin["revision"] == MOVED
    assert [former["revision"] for former in pin["replaced"]] == [COMMIT]


def test_all_pins_what_the_hub_has_and_says_what_it_has_not(folder: Path, hub: Hub) -> None:
    result = run("pin", "--all", "--hub", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert set(document["pinned"]) == {HUB_ID} == set(read_pins(folder))
    assert document["failed"]["Qwen/Qwen3-8B"] == "the hub has no such model, or shows it to those with a token only"
    assert "sentence-transformers/all-MiniLM-L6-v2" not in document["failed"], "it comes in a package"


def test_revision_that_the_hub_does_not_have_is_said(folder: Path, hub: Hub) -> None:
    result = run("pin", HUB_ID, "--hub", "--revision", "v9")
    assert result.exit_code == 1
    assert f"{HUB_ID} was not pinned: the hub has no revision v9 of it." in result.output
    assert not (folder / "var" / "model" / "pins.json").exists()


def test_hub_that_names_no_sums_leaves_them_null(folder: Path, hub: Hub) -> None:
    hub.says_sums = False
    assert run("pin", HUB_ID, "--hub").exit_code == 0
    assert (read_pins(folder)[HUB_ID]["revision"], read_pins(folder)[HUB_ID]["sha256"]) == (COMMIT, None)


def test_hub_that_does_not_answer_is_said_without_a_traceback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    result = run("pin", HUB_ID, "--hub")
    assert result.exit_code == 1
    assert f"{HUB_ID} was not pinned: " in result.output
    assert "Traceback" not in result.output


def test_lines_for_the_catalogue_are_printed_and_nothing_is_pinned(folder: Path, hub: Hub) -> None:
    result = run("pin", HUB_ID, "--hub", "--print")
    (fragment,) = yaml.safe_load(result.stdout)
    assert (fragment["hub_id"], fragment["revision"]) == (HUB_ID, COMMIT)
    assert fragment["sha256"].keys() == {file.name for file in hub.folder.glob("*.safetensors")}
    assert result.stdout.startswith("      - hub_id: ")
    assert not (folder / "var" / "model" / "pins.json").exists()


def fetch() -> Path | None:
    """As ``activate`` and ``up`` do."""
    local = open_appliance()
    ensure_directories(local.settings, local.identity)
    spec = ModelSpec("m", "hub", "cpu", hub_id=HUB_ID, revision="main")
    return model_choice.fetch(local.settings, spec, identity=local.identity, python=INFERENCE_PYTHON, root=ROOT).path


def test_pinned_model_is_fetched_as_it_was_pinned(folder: Path, hub: Hub) -> None:
    assert run("pin", HUB_ID, "--hub").exit_code == 0
    path = fetch()
    assert path is not None
    assert path.name == "Qwen--Qwen3-0.6B@main"
    assert run("verify", "--full").exit_code == 0


def test_pinned_model_is_not_fetched_from_a_branch_that_moved(
    folder: Path, hub: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("pin", HUB_ID, "--hub").exit_code == 0
    hub.commit = MOVED
    with pytest.raises(LocalError, match=f"Fetching {HUB_ID} failed"):
        fetch()
    assert f"{HUB_ID}: main moved. It is the commit {MOVED} now, and what was pinned here on " in capfd.readouterr().err
    assert not [asked for asked in hub.asked if "/resolve/" in asked]


def test_pinned_model_is_not_fetched_with_other_files_under_the_same_commit(
    folder: Path, hub: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    """The hub still names the old sums, and gives other bytes."""
    assert run("pin", HUB_ID, "--hub").exit_code == 0
    hub.named_sums = json.loads((folder / "var" / "model" / "pins.json").read_text())["pins"][HUB_ID]["sha256"]
    change_a_byte(hub.folder / FIRST, keep_times=False)
    with pytest.raises(LocalError, match=f"Fetching {HUB_ID} failed"):
        fetch()
    assert f"{FIRST} had the SHA-256 " in capfd.readouterr().err
    assert not [path for path in (folder / "var" / "model").iterdir() if "Qwen3-0.6B" in path.name]
