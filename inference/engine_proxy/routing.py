"""Which requests pass, where they go, and which headers go with them. Pure: a request is its method and its raw path.

The path is compared as it was sent, byte for byte. Nothing is decoded or normalised before, so there is no second
spelling of a path that could be understood differently behind the proxy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Target = Literal["engine", "embedder", "hardware", "metrics", "health"]


@dataclass(frozen=True)
class Route:
    """``path`` is the one to ask the target for; empty for what the proxy answers itself."""

    target: Target
    path: str = ""
    purpose: str = ""

    @property
    def is_forwarded(self) -> bool:
        return self.target in ("engine", "embedder")


ROUTES: Mapping[tuple[str, str], Route] = {
    ("POST", "/v1/chat/completions"): Route("engine", "/v1/chat/completions", "Answers a conversation, also streamed."),
    ("POST", "/v1/completions"): Route("engine", "/v1/completions", "Continues a text, also streamed."),
    ("GET", "/v1/models"): Route("engine", "/v1/models", "Names the model that the engine serves."),
    ("POST", "/v1/embeddings"): Route("embedder", "/v1/embeddings", "Turns texts into embeddings."),
    ("GET", "/v1/embeddings/models"): Route("embedder", "/v1/models", "Names the model that the embedder serves."),
    ("GET", "/hardware"): Route("hardware", purpose="The GPUs and the engine at this moment, as JSON."),
    ("GET", "/metrics"): Route("metrics", purpose="The same for Prometheus, followed by the engine's own metrics."),
    ("GET", "/healthz"): Route("health", purpose="Whether the proxy runs, and which of the models answer."),
}
SERVER_NAME = "engine-proxy"
REQUEST_HEADERS = frozenset({"content-type", "accept"})
RESPONSE_HEADERS = frozenset({"content-type", "content-length", "cache-control", "retry-after"})


def find_route(method: str, raw_path: str) -> Route | None:
    """None means refused: also for a known path with a query, another method or another spelling."""
    return ROUTES.get((method, raw_path))


def select_headers(headers: Iterable[tuple[str, str]], names: frozenset[str]) -> list[tuple[str, str]]:
    """Those named, the first of each. What one connection says to another (RFC 9110, 7.6.1), cookies and credentials
    are not among the names, so they end here."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name.lower() in names:
            found.setdefault(name.lower(), value)
    return list(found.items())
