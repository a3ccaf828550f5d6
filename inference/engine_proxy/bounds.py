"""How much the proxy accepts at once. Streams have no time limit: an answer may take as long as it takes."""

from dataclasses import dataclass

from inference.serving.embedding_protocol import MAX_BODY_BYTES

MIB = 1024**2


@dataclass(frozen=True)
class Bounds:
    """``requests`` is above what the engine itself queues, which answers in its own words when it is full.

    ``held_bytes`` is for all bodies on their way in together. ``drain_seconds`` is how long answers in progress may go
    on after SIGTERM: less than what whoever sent it waits.
    """

    body_bytes: int = MAX_BODY_BYTES
    held_bytes: int = 256 * MIB
    requests: int = 1536
    connections: int = 4096
    request_line_bytes: int = 1024
    header_bytes: int = 8192
    headers: int = 64
    body_seconds: float = 60
    idle_seconds: float = 75
    handshake_seconds: float = 10
    connect_seconds: float = 5
    metrics_seconds: float = 3
    metrics_bytes: int = 8 * MIB
    health_seconds: float = 1
    drain_seconds: float = 10
