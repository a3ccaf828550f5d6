"""A small real HTTP server that answers ``GET /hardware`` with what a test gives it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from inference.metrics.types import HostReading
from tests.hardware.readings import to_document


@dataclass
class ReadingHost:
    """``url`` is what a model is registered at; ``answer`` and ``status`` may change between requests."""

    url: str
    answer: bytes | Callable[[], bytes] = b"{}"
    status: int = 200
    requests: int = 0

    def say(self, reading: HostReading) -> None:
        self.answer, self.status = _encode(reading), 200

    def keep_saying(self, build: Callable[[], HostReading]) -> None:
        """A new reading for every request, as a real host gives."""
        self.answer, self.status = lambda: _encode(build()), 200

    def body(self) -> bytes:
        return self.answer if isinstance(self.answer, bytes) else self.answer()


def _encode(reading: HostReading) -> bytes:
    return json.dumps(to_document(reading)).encode()


@contextmanager
def reading_host() -> Iterator[ReadingHost]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.requests += 1
            known = self.path == "/hardware"
            payload = host.body() if known else b""
            self.send_response(host.status if known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = ReadingHost(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
