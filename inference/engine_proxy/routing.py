"""Which requests pass, where they go, and which headers go with them. Pure: a request is its method and its raw path.

The path is compared as it was sent, byte for byte. Nothing is decoded or normalised before, so there is no second
spelling of a path that could be understood differently behind the proxy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from appliance.settings.model import MODEL_NAME
from inference.registry.spec import Purpose
from inference.serving.argv import FurtherUpstream

OWN = frozenset({"hardware", "metrics", "health"})
PREFIX = "/engines"


@dataclass(frozen=True)
class Route:
    """``target`` is an upstream, or what the proxy answers itself; ``path`` is the one to ask an upstream for."""

    target: str
    path: str = ""
    purpose: str = ""

    @property
    def is_forwarded(self) -> bool:
        return self.target not in OWN


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
# What a further model is asked, by its purpose, below its own prefix.
FURTHER: Mapping[Purpose, Mapping[tuple[str, str], str]] = {
    "generation": {
        ("POST", "/v1/chat/completions"): "Answers a conversation, also streamed.",
        ("POST", "/v1/completions"): "Continues a text, also streamed.",
        ("GET", "/v1/models"): "Names the model.",
    },
    "embedding": {
        ("POST", "/v1/embeddings"): "Turns texts into embeddings.",
        ("GET", "/v1/models"): "Names the model.",
    },
    "reranking": {
        ("POST", "/v1/rerank"): "Orders documents by how well they answer a query.",
        ("POST", "/v1/score"): "Says how well each text fits another one.",
        ("GET", "/v1/models"): "Names the model.",
    },
}
SERVER_NAME = "engine-proxy"
REQUEST_HEADERS = frozenset({"content-type", "accept"})
RESPONSE_HEADERS = frozenset({"content-type", "content-length", "cache-control", "retry-after"})


def build_routes(further: Iterable[FurtherUpstream] = ()) -> Mapping[tuple[str, str], Route]:
    """All that passes; each further model adds what its purpose allows, below ``/engines/NAME``."""
    added = {
        (method, f"{PREFIX}/{each.name}{path}"): Route(each.component, path, what)
        for each in further
        for (method, path), what in FURTHER[each.purpose].items()
    }
    return {**ROUTES, **added}


def read_further(word: str) -> FurtherUpstream:
    """``NAME=PURPOSE=URL`` of the command line. Raises ValueError."""
    name, _, rest = word.partition("=")
    purpose, _, url = rest.partition("=")
    if not MODEL_NAME.fullmatch(name) or purpose not in FURTHER or not url.startswith("http://"):
        raise ValueError(f"{word!r} is not NAME=PURPOSE=URL; purposes are {', '.join(FURTHER)}.")
    return FurtherUpstream(name, cast(Purpose, purpose), url.rstrip("/"))


def find_route(method: str, raw_path: str, routes: Mapping[tuple[str, str], Route] = ROUTES) -> Route | None:
    """None means refused: also for a known path with a query, another method or another spelling."""
    return routes.get((method, raw_path))


def select_headers(headers: Iterable[tuple[str, str]], names: frozenset[str]) -> list[tuple[str, str]]:
    """Those named, the first of each. What one connection says to another (RFC 9110, 7.6.1), cookies and credentials
    are not among the names, so they end here."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name.lower() in names:
            found.setdefault(name.lower(), value)
    return list(found.items())
