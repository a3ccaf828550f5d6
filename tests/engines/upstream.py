"""A server of raw bytes to stand behind a proxy: it shows exactly what arrived, and sends exactly what a test says."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
SECONDS = 20
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Upstream:
    """``answer`` is called for each connection when its request is whole. ``gone`` is set when a peer went away."""

    url: str = ""
    answer: "Callable[[socket.socket], None]" = lambda connection: connection.sendall(OK)
    requests: list[bytes] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def wait_until_gone(self, connection: socket.socket) -> None:
        """Returns when the other side closed the connection."""
        with suppress(ConnectionError):
            while connection.recv(65536):
                pass
        self.gone.set()


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    with socket.create_server(("127.0.0.1", 0)) as server:
        upstream.url = f"http://127.0.0.1:{server.getsockname()[1]}"
        accepting = threading.Thread(target=_accept, args=(server, upstream))
        accepting.start()
        try:
            yield upstream
        finally:
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _accept(server: socket.socket, upstream: Upstream) -> None:
    threads = []
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            break
        threads.append(threading.Thread(target=_serve, args=(connection, upstream)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _serve(connection: socket.socket, upstream: Upstream) -> None:
    connection.settimeout(SECONDS)
    with connection, suppress(ConnectionError, TimeoutError):
        if request := _read_request(connection):
            upstream.requests.append(request)
            upstream.answer(connection)


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while HEAD_END not in received:
        part = connection.recv(65536)
        if not part:
            return received
        received += part
    head, _, body = received.partition(HEAD_END)
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    wanted = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < wanted:
        body += connection.recv(65536)
    return head + HEAD_END + body
