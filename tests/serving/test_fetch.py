"""Fetching a model, with a stand-in for somebody else's hub that serves a tiny checkpoint."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference.registry.expected import Expected
from inference.registry.fetched import list_fetched, require_fetched
from inference.registry.spec import ModelSpec
from inference.registry.verification import verify
from inference.serving.command import fetch_command
from tests.engines.launch import INFERENCE_PYTHON, ROOT, free_port
from tests.serving.hub import COMMIT, STRANGERS, Hub, offer
from tests.unit.inference.model_folders import snapshot

SPEC = ModelSpec(name="tiny", source="hub", device="cpu", hub_id="house/tiny", revision="main")


@pytest.fixture
def hub(tiny_checkpoints: dict[str, Path]) -> Iterator[Hub]:
    """Offers tiny Llama as house/tiny, beside files that nobody should take."""
    with offer(tiny_checkpoints["llama"]) as hub:
        yield hub


def fetch(
    hub: Hub,
    data_dir: Path,
    expected: Expected | None = None,
    *,
    revision: str = "main",
    hub_id: str = "house/tiny",
) -> "subprocess.CompletedProcess[str]":
    command = fetch_command(
        replace(SPEC, revision=revision, hub_id=hub_id),
        python=INFERENCE_PYTHON,
        data_dir=data_dir,
        root=ROOT,
        models_dir=data_dir / "model",
        network={"HF_ENDPOINT": hub.url},
        expected=expected,
    )
    return subprocess.run(command.argv, env=command.env, capture_output=True, text=True, timeout=120, check=False)


def test_fetched_model_is_verified_marked_and_brings_no_code(hub: Hub, tmp_path: Path) -> None:
    answer = fetch(hub, tmp_path)
    assert answer.returncode == 0, answer.stderr
    path = Path(json.loads(answer.stdout)["path"])
    assert [(found.reference, found.commit) for found in list_fetched(tmp_path / "model")] == [
        ("house/tiny@main", COMMIT)
    ]
    spec = require_fetched(SPEC, models_dir=tmp_path / "model")
    assert (spec.path, spec.family) == (path, "llama")
    assert not [asked for asked in hub.asked if asked.endswith(STRANGERS)]
    assert verify(path, models_dir=tmp_path / "model").read_bytes == 0


def test_model_that_is_here_is_not_asked_for_again(hub: Hub, tmp_path: Path) -> None:
    assert fetch(hub, tmp_path).returncode == 0
    hub.asked.clear()
    assert fetch(hub, tmp_path).returncode == 0
    assert hub.asked == []


def test_folder_without_a_marker_is_named_and_nothing_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "model" / "house--tiny@main").mkdir(parents=True)
    with offer(tmp_path) as hub:
        answer = fetch(hub, tmp_path)
    assert answer.returncode == 1
    assert "models remove house--tiny@main" in answer.stderr
    assert hub.asked == []


def test_model_that_does_not_fit_the_disk_is_not_begun(hub: Hub, tmp_path: Path) -> None:
    hub.bytes_a_file = 2**50
    answer = fetch(hub, tmp_path)
    assert answer.returncode == 1
    assert "GiB are free on the disk" in answer.stderr
    assert not [asked for asked in hub.asked if "/resolve/" in asked]


def test_hub_that_does_not_answer_is_named_without_a_traceback(hub: Hub, tmp_path: Path) -> None:
    for url in (f"http://127.0.0.1:{free_port()}", f"{hub.url}/nothing-here"):
        hub.url = url
        answer = fetch(hub, tmp_path)
        assert answer.returncode == 1
        assert "house/tiny at main was not fetched" in answer.stderr
        assert "Traceback" not in answer.stderr


def test_model_that_the_hub_does_not_have_is_named_and_what_was_here_stays(hub: Hub, tmp_path: Path) -> None:
    assert fetch(hub, tmp_path).returncode == 0
    before = snapshot(tmp_path / "model")
    answer = fetch(hub, tmp_path, hub_id="house/absent")
    assert answer.returncode == 1
    assert "house/absent at main was not fetched" in answer.stderr
    assert "Check the name" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert {name: content for name, content in snapshot(tmp_path / "model").items() if name in before} == before
    assert [found.reference for found in list_fetched(tmp_path / "model")] == ["house/tiny@main"]


def test_model_that_cannot_be_served_is_refused_and_not_kept(hub: Hub, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps({"architectures": ["SomethingElse"]}))
    hub.folder = broken
    answer = fetch(hub, tmp_path)
    assert answer.returncode == 1
    assert "SomethingElse" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert list_fetched(tmp_path / "model") == []


def expect(hub: Hub, revision: str | None = COMMIT, **sums: str) -> Expected:
    """The hub's own files as they were pinned, but for ``sums``."""
    weights = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in hub.folder.glob("*.safetensors")}
    return Expected("house/tiny", revision, {**weights, **sums}, True, "what was pinned here on 2026-01-31")


def test_pinned_model_is_fetched_when_commit_and_files_are_those_that_were_pinned(hub: Hub, tmp_path: Path) -> None:
    hub.says_sums = True
    assert fetch(hub, tmp_path, expect(hub)).returncode == 0
    assert [found.commit for found in list_fetched(tmp_path / "model")] == [COMMIT]


def test_branch_that_moved_since_it_was_pinned_is_not_fetched(hub: Hub, tmp_path: Path) -> None:
    answer = fetch(hub, tmp_path, expect(hub, revision="a" * 40))
    assert answer.returncode == 1
    assert f"house/tiny: main moved. It is the commit {COMMIT} now" in answer.stderr
    assert f"what was pinned here on 2026-01-31 has {'a' * 40}" in answer.stderr
    assert not [asked for asked in hub.asked if "/resolve/" in asked]


def test_another_commit_that_is_asked_for_by_name_is_fetched(hub: Hub, tmp_path: Path) -> None:
    expected = expect(hub, revision="a" * 40, **{"model.safetensors": "b" * 64})
    assert fetch(hub, tmp_path, expected, revision=COMMIT).returncode == 0


def test_files_that_the_hub_says_are_others_are_not_begun(hub: Hub, tmp_path: Path) -> None:
    hub.says_sums = True
    answer = fetch(hub, tmp_path, expect(hub, **{"model.safetensors": "b" * 64}))
    assert answer.returncode == 1
    assert "these are not the files that what was pinned here on 2026-01-31 names" in answer.stderr
    assert "model.safetensors had the SHA-256 bbbbbbbbbbbb and has " in answer.stderr
    assert not [asked for asked in hub.asked if "/resolve/" in asked]


def test_files_that_came_otherwise_than_they_were_pinned_are_not_kept(hub: Hub, tmp_path: Path) -> None:
    """The hub names no sums, so only what was written to the disk tells."""
    answer = fetch(hub, tmp_path, expect(hub, **{"model.safetensors": "b" * 64}))
    assert answer.returncode == 1
    assert "model.safetensors had the SHA-256 bbbbbbbbbbbb and has " in answer.stderr
    assert [asked for asked in hub.asked if "/resolve/" in asked]
    assert [path.name for path in (tmp_path / "model").iterdir()] == []
