"""What the web application is told about the models: arguments of its management command, alike in every layout.

A model behind the one proxy is told apart by its address: the main one's is the proxy's, a further one's has
``/engines/NAME`` after it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.settings import Settings
from appliance.settings.model import MAIN_MODEL

ROLES = {"generation": "generate", "embedding": "embed", "reranking": "rerank"}


@dataclass(frozen=True)
class Served:
    """A model that runs: the name to ask for it, and what the pages may say about it."""

    name: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def build_registrations(settings: Settings, proxy_url: str, served: Mapping[str, Served]) -> list[tuple[str, ...]]:
    """``served``: by the names of appliance.yaml, the main model as ``model``; one that does not run is left out.

    Search is the light embedder's, whose vectors have its length: a further model that embeds or ranks is registered
    with its kind, and nothing asks it yet.
    """
    served = {**served, **_list_adapters(settings, served)}
    answering = served.get(settings.answers.model)
    calls = [_set("embed", proxy_url, Served(settings.embeddings.model))]
    if answering is None:
        calls.append(("endpoint", "clear", "--role", "generate"))
    else:
        calls.append(_set("generate", _find_url(settings, proxy_url, settings.answers.model), answering))
    others = [
        _describe(settings, name, each, proxy_url) for name, each in served.items() if name != settings.answers.model
    ]
    return [*calls, ("endpoint", "further", "--entries", json.dumps(others))]


def _list_adapters(settings: Settings, served: Mapping[str, Served]) -> dict[str, Served]:
    """Those beside the models that run: each is asked for by its name, at its model's address."""
    beside = settings.engine_of_adapter.items()
    return {name: Served(name, served[engine].detail) for name, engine in beside if engine in served}


def _find_url(settings: Settings, proxy_url: str, name: str) -> str:
    return build_url(proxy_url, settings.engine_of_adapter.get(name, name))


def build_url(proxy_url: str, name: str) -> str:
    """Where a model is asked, without ``/v1``."""
    return proxy_url if name == MAIN_MODEL else f"{proxy_url}/engines/{name}"


def _set(role: str, url: str, served: Served) -> tuple[str, ...]:
    detail = json.dumps(dict(served.detail))
    return ("endpoint", "set", "--role", role, "--url", url, "--model", served.name, "--detail", detail)


def _describe(settings: Settings, name: str, served: Served, proxy_url: str) -> dict[str, Any]:
    engine = settings.engine_of_adapter.get(name, name)
    purpose = "generation" if engine == MAIN_MODEL else settings.further_models[engine].purpose
    return {
        "role": ROLES[purpose],
        "place": "fallback" if name == settings.answers.fallback else "further",
        "url": build_url(proxy_url, engine),
        "model": served.name,
        "detail": {**served.detail, "engine": engine},
    }
