"""A model server of an installed appliance: the command that it becomes, from appliance.yaml alone."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.settings import Settings, environment
from inference.planning.servable import CannotServeError
from inference.registry.errors import CheckpointMissingError, NotFetchedError, OtherLicenceError
from inference.registry.machine import Gpu, gather_machine_facts
from inference.registry.refusals import FileChangedError
from inference.serving.argv import build_engine_proxy_argv
from inference.serving.events import read_events
from inference.serving.launch import PAUSE_SECONDS, build_command, list_beside
from tests.engines.adapters import write_adapter
from tests.unit.inference.model_folders import edit_json, snapshot, write_model
from tests.unit.inference.test_adapters import FACTS
from tests.unit.topology.layouts import hosts

PYTHON = Path("/opt/appliance/inference/bin/python")


def test_proxy_stands_before_both_models_behind_client_certificates() -> None:
    assert build_command("engine-proxy", hosts(), python=PYTHON).argv == (
        str(PYTHON), "-m", "inference.engine_proxy", "--host", "0.0.0.0", "--port", "8443",
        "--engine-url", "http://127.0.0.1:8410", "--embedder-url", "http://127.0.0.1:8420",
        "--events", "/var/lib/appliance/events", "--drain-seconds", "30",
        "--ca-file", "/etc/appliance/tls/ca.pem", "--certificate-file", "/etc/appliance/tls/certificate.pem",
        "--key-file", "/etc/appliance/tls/key.pem",
    )  # fmt: skip


def test_proxy_beside_one_model_knows_no_other() -> None:
    argv = build_command("engine-proxy", hosts(), python=PYTHON, upstream="embedder").argv
    assert "--engine-url" not in argv
    assert "http://127.0.0.1:8420" in argv


def test_proxy_stands_before_every_further_model() -> None:
    further = {"coder": {"path": "/m/c", "port": 8411}, "ranks": {"path": "/m/r", "port": 8412, "purpose": "reranking"}}
    argv = build_command("engine-proxy", hosts(further_models=further), python=PYTHON).argv
    assert argv[11:15] == (
        "--further", "coder=generation=http://127.0.0.1:8411", "--further", "ranks=reranking=http://127.0.0.1:8412",
    )  # fmt: skip
    alone = build_command("engine-proxy", hosts(further_models=further), python=PYTHON, upstream="engine-ranks").argv
    assert "coder=generation=http://127.0.0.1:8411" not in alone
    assert "--engine-url" not in alone


def test_embedded_proxy_is_on_loopback_without_certificates() -> None:
    argv = build_command("engine-proxy", Settings(), python=PYTHON).argv
    assert argv[argv.index("--host") + 1] == "127.0.0.1"
    assert "--ca-file" not in argv


def test_proxy_beyond_loopback_without_certificates_is_refused() -> None:
    with pytest.raises(ValueError, match="needs TLS with client certificates"):
        build_engine_proxy_argv(
            python=PYTHON, host="192.0.2.1", port=8443, engine_url=None, embedder_url=None, tls=None
        )


def test_model_that_is_not_there_is_said() -> None:
    with pytest.raises(CheckpointMissingError, match="there is no such directory"):
        build_command("engine", hosts(model={"path": "/srv/models/absent", "device": "cpu"}), python=PYTHON)


def test_model_of_another_licence_than_was_acknowledged_is_not_served(tmp_path: Path) -> None:
    model = {"path": write_model(tmp_path / "small"), "device": "cpu", "licence": "llama3.3"}
    with pytest.raises(
        OtherLicenceError, match=r"it is under apache-2\.0, and the licence that was acknowledged is llama3.3"
    ):
        build_command("engine", hosts(model=model), python=PYTHON)
    assert build_command("engine", hosts(model={**model, "licence": "apache-2.0"}), python=PYTHON).argv


@pytest.mark.parametrize(("folder", "card"), [("less", "llama3.3"), ("Llama-3.3-70B-Instruct", "apache-2.0")])
def test_draft_model_of_another_licence_than_was_acknowledged_is_not_loaded(
    tmp_path: Path, folder: str, card: str
) -> None:
    draft = write_model(tmp_path / folder)
    (draft / "README.md").write_text(f"---\nlicense: {card}\n---\n")
    (tmp_path / "model").mkdir()
    guessing = {"method": "draft_model", "draft": draft}
    model = write_model(tmp_path / "small")
    edit_json(model / "config.json", **FACTS)
    edit_json(draft / "config.json", **FACTS)
    wanted = {"path": model, "device": "cpu", "licence": "apache-2.0", "speculative": guessing}
    with pytest.raises(OtherLicenceError, match=rf"{folder}: it is under llama3\.3, .* acknowledged is apache-2\.0"):
        build_command("engine", hosts(data_dir=tmp_path, model=wanted), python=PYTHON)
    other = draft.rename(tmp_path / "other")
    (other / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    wanted["speculative"] = {**guessing, "draft": other}
    assert str(other) in " ".join(build_command("engine", hosts(data_dir=tmp_path, model=wanted), python=PYTHON).argv)


def test_adapter_is_verified_before_it_is_served_and_refused_when_it_changed(tmp_path: Path) -> None:
    model = write_model(tmp_path / "small")
    edit_json(model / "config.json", **FACTS)
    (tmp_path / "model").mkdir()
    style = write_adapter(tmp_path / "style")
    settings = hosts(data_dir=tmp_path, model={"path": model, "device": "cpu", "adapters": {"style": style}})
    argv = build_command("engine", settings, python=PYTHON).argv
    assert f'{{"name": "style", "path": "{style}"}}' in argv
    edit_json(style / "adapter_config.json", lora_alpha=64)
    with pytest.raises(FileChangedError, match="style"):
        build_command("engine", settings, python=PYTHON)


def test_draft_model_is_verified_before_it_is_loaded_and_refused_when_it_changed_or_went(tmp_path: Path) -> None:
    model, draft = write_model(tmp_path / "small"), write_model(tmp_path / "draft")
    (tmp_path / "model").mkdir()
    guessing = {"method": "draft_model", "draft": draft}
    settings = hosts(data_dir=tmp_path, model={"path": model, "device": "cpu", "speculative": guessing})
    argv = build_command("engine", settings, python=PYTHON).argv
    assert f'"model": "{draft}"' in argv[argv.index("--speculative-config") + 1]
    edit_json(draft / "config.json", bos_token_id=1)
    with pytest.raises(FileChangedError, match=r"draft/config\.json"):
        build_command("engine", settings, python=PYTHON)
    draft.rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointMissingError, match=r"draft: there is .*Correct model\.speculative\.draft in"):
        build_command("engine", settings, python=PYTHON)


def test_context_that_cannot_be_held_is_refused_before_the_start(tmp_path: Path) -> None:
    model = write_model(tmp_path / "small")
    edit_json(model / "config.json", **FACTS, max_position_embeddings=4096)
    (tmp_path / "model").mkdir()
    wanted = {"path": model, "device": "cpu", "max_context_tokens": 5000}
    with pytest.raises(CannotServeError, match="knows 4,096 tokens of context, not 5,000"):
        build_command("engine", hosts(data_dir=tmp_path, model=wanted), python=PYTHON)


def beside(tmp_path: Path, name: str) -> Settings:
    """A host whose further model is in the folder ``name``."""
    main = {"path": write_model(tmp_path / "main"), "device": "cpu"}
    further = {"coder": {"path": tmp_path / name, "device": "cpu", "port": 8411}}
    return hosts(data_dir=tmp_path, model=main, further_models=further)


def test_neighbour_that_is_mounted_late_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []

    def mount(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 3:
            write_model(tmp_path / "late")

    monkeypatch.setattr("inference.serving.launch.time.sleep", mount)
    found = list_beside(beside(tmp_path, "late"), gather_machine_facts(hub_url=None), but="model")
    assert [(name, spec.path) for name, spec in found.items()] == [("coder", tmp_path / "late")]
    assert paused == [PAUSE_SECONDS] * 3


def test_neighbour_that_does_not_come_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("inference.serving.launch.ABSENT_SECONDS", 0.05)
    monkeypatch.setattr("inference.serving.launch.PAUSE_SECONDS", 0.05)
    assert list_beside(beside(tmp_path, "absent"), gather_machine_facts(hub_url=None), but="model") == {}
    assert capsys.readouterr().err.startswith("Starting without memory for coder, not here after")


def test_neighbour_that_is_refused_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (write_model(tmp_path / "pickled") / "weights.bin").write_bytes(b"\x80\x04")
    monkeypatch.setattr("inference.serving.launch.time.sleep", lambda _seconds: pytest.fail("it waited"))
    assert list_beside(beside(tmp_path, "pickled"), gather_machine_facts(hub_url=None), but="model") == {}


def test_no_hub_is_asked_for_a_model() -> None:
    with pytest.raises(NotFetchedError):
        build_command("engine", hosts(model={"device": "cpu"}), python=PYTHON)


def test_launching_without_a_model_ends_with_a_message_and_one_event_however_often_it_is_tried(tmp_path: Path) -> None:
    config = tmp_path / "appliance.yaml"
    config.write_text(json.dumps({"data_dir": str(tmp_path), "model": {"path": "absent", "device": "cpu"}}))
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "inference.serving.launch", "engine"], capture_output=True, text=True, check=False,
            cwd=environment.REPOSITORY, env={**os.environ, "APPLIANCE_CONFIG": str(config)},
        )  # fmt: skip
        assert done.returncode == 3
        assert done.stderr.startswith(f"{tmp_path}/absent: there is no such directory.")
    (event,) = read_events(tmp_path / "events" / "engine.jsonl")
    assert (event.kind, event.exit_code, event.restarts) == ("engine_not_started", 3, {})
    assert event.detail.startswith(f"{tmp_path}/absent: there is no such directory.")


L40S = Gpu("NVIDIA L40S", 46068 * 2**20, (8, 9))


@pytest.mark.parametrize(
    ("gpus", "model", "words"),
    [
        ((), {}, "model.device is cuda, but no NVIDIA GPU was found on this machine."),
        ((L40S,), {"tensor_parallel": 2}, "model.tensor_parallel is 2; the GPUs here are 1."),
    ],
    ids=["the only one", "one of two"],
)
def test_gpu_that_disappeared_is_said_and_the_model_goes_nowhere_else(
    gpus: tuple[Gpu, ...], model: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart without the card: nothing is served on the CPU in its place, and the model is as it was."""
    directory, models_dir = write_model(tmp_path / "m"), tmp_path / "model"
    models_dir.mkdir()
    before = snapshot(tmp_path)
    monkeypatch.setattr("inference.registry.machine.list_gpus", lambda: gpus)
    settings = hosts(model={"path": str(directory), "device": "cuda", **model}, data_dir=tmp_path)
    with pytest.raises(NotFetchedError, match=re.escape(words)):
        build_command("engine", settings, python=PYTHON)
    assert snapshot(tmp_path) == before
