"""A small real HTTP server that answers ``GET /hardware`` with what a test gives it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from inference.metrics.types import HostReading
from tests.hardware.readings import to_document


@dataclass
class ReadingHost:
    """``url`` is what a model is registered at; ``answer`` and ``status`` may change between requests."""

    url: str
    answer: bytes = b"{}"
    status: int = 200
    requests: int = 0

    def say(self, reading: HostReading) -> None:
        self.answer, self.status = json.dumps(to_document(reading)).encode(), 200


@contextmanager
def reading_host() -> Iterator[ReadingHost]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.requests += 1
            known = self.path == "/hardware"
            payload = host.answer if known else b""
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
