"""Fetching a model, with a stand-in for somebody else's hub that serves a tiny checkpoint."""

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from inference.registry.fetched import list_fetched, require_fetched
from inference.registry.spec import ModelSpec
from inference.registry.verification import verify
from inference.serving.command import fetch_command
from tests.engines.launch import INFERENCE_PYTHON, ROOT, free_port

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SPEC = ModelSpec(name="tiny", source="hub", device="cpu", hub_id="house/tiny", revision="main")
STRANGERS = ("modeling_tiny.py", "pytorch_model.bin")


@dataclass
class Hub:
    url: str
    folder: Path
    bytes_a_file: int = 1
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def hub(tiny_checkpoints: dict[str, Path]) -> Iterator[Hub]:
    """Offers tiny Llama as house/tiny, beside files that nobody should take."""
    offered = Hub(url="", folder=tiny_checkpoints["llama"])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, *_arguments: object) -> None:
            pass

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.split("?")[0]
            offered.asked.append(path)
            names = [*sorted(file.name for file in offered.folder.iterdir()), *STRANGERS]
            if path.startswith("/api/models/house/tiny/revision/"):
                siblings = [{"rfilename": name, "size": offered.bytes_a_file} for name in names]
                self._send(json.dumps({"id": "house/tiny", "sha": COMMIT, "siblings": siblings}).encode(), with_body)
            elif path.startswith("/api/models/house/tiny/tree/"):
                tree = [{"type": "file", "path": name, "size": 1, "oid": name} for name in names]
                self._send(json.dumps(tree).encode(), with_body)
            elif path.startswith(f"/house/tiny/resolve/{COMMIT}/"):
                self._send((offered.folder / path.rsplit("/", 1)[1]).read_bytes(), with_body)
            else:
                self.send_error(404)

        def _send(self, body: bytes, with_body: bool) -> None:
            self.send_response(200)
            for name, value in (("ETag", f'"{len(body)}"'), ("X-Repo-Commit", COMMIT), ("Content-Length", len(body))):
                self.send_header(name, str(value))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        offered.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield offered
        server.shutdown()
        thread.join()


def fetch(hub: Hub, data_dir: Path) -> "subprocess.CompletedProcess[str]":
    command = fetch_command(
        SPEC,
        python=INFERENCE_PYTHON,
        data_dir=data_dir,
        root=ROOT,
        models_dir=data_dir / "model",
        network={"HF_ENDPOINT": hub.url},
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
