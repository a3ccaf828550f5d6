"""A stand-in for somebody else's hub: the few addresses that its client asks, with a folder's files as one model."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SECOND_COPY = "consolidated.safetensors"  # as Mistral AI has it beside the files of the hub's own format
STRANGERS = ("modeling_tiny.py", "pytorch_model.bin", SECOND_COPY)
GATED = "house/gated"


@dataclass
class Hub:
    """What it offers, to be changed while it runs. ``named_sums``: SHA-256 of files where it names others than those
    of the bytes that it gives; without ``says_sums`` it names none."""

    url: str
    folder: Path
    hub_id: str = "house/tiny"
    commit: str = COMMIT
    bytes_a_file: int = 1
    says_sums: bool = False
    named_sums: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def list_names(self) -> list[str]:
        names = sorted(file.name for file in self.folder.iterdir())
        has_weights = any(name.endswith(".safetensors") for name in names)
        return [*names, *(name for name in STRANGERS if has_weights or name != SECOND_COPY)]

    def describe(self, name: str) -> dict[str, object]:
        """As the hub's API describes a file: large ones with their sum."""
        file = self.folder / name
        if not self.says_sums or not file.exists():
            return {"rfilename": name, "size": self.bytes_a_file}
        size, sum_ = file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest()
        lfs = {"size": size, "sha256": self.named_sums.get(name, sum_), "pointerSize": 130}
        return {"rfilename": name, "size": size, **({"lfs": lfs} if name.endswith(".safetensors") else {})}


@contextmanager
def offer(folder: Path, **changes: object) -> Iterator[Hub]:
    hub = Hub("", folder, **changes)  # type: ignore[arg-type]  # the dataclass checks nothing, the tests do

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, *_arguments: object) -> None:
            pass

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.split("?")[0]
            hub.asked.append(path)
            api = f"/api/models/{hub.hub_id}"
            revision = path.removeprefix(f"{api}/revision/")
            if path == api or (path != revision and revision in ("main", hub.commit)):
                siblings = [hub.describe(name) for name in hub.list_names()]
                answer = {"id": hub.hub_id, "sha": hub.commit, "siblings": siblings}
                self._send(json.dumps(answer).encode(), with_body)
            elif path.startswith(f"{api}/tree/"):
                tree = [{"type": "file", "path": name, "size": 1, "oid": name} for name in hub.list_names()]
                self._send(json.dumps(tree).encode(), with_body)
            elif path.startswith(f"/{hub.hub_id}/resolve/{hub.commit}/"):
                self._send((hub.folder / path.rsplit("/", 1)[1]).read_bytes(), with_body)
            elif path.startswith(f"/api/models/{GATED}"):
                self._refuse(403, "GatedRepo")
            else:
                self._refuse(404, "RevisionNotFound" if path != revision else "RepoNotFound")

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, body: bytes, with_body: bool) -> None:
            self.send_response(200)
            for name, value in (
                ("ETag", f'"{len(body)}"'),
                ("X-Repo-Commit", hub.commit),
                ("Content-Length", len(body)),
            ):
                self.send_header(name, str(value))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
