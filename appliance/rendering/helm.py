"""What the Helm chart knows of the topology: ``helm/appliance/files/topology.json``, which its templates read.

Ports, flows, places, commands and paths come from here, so that the chart holds no second copy of any. What only an
installation's values say stands in a command as ``${key}``, a key of ``appliance.yaml``, and is filled in by the chart.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from appliance.programs import QUEUES, Program, build_installed_programs, build_webapp_environment, worker_node
from appliance.programs.images import (
    DATA_DIR,
    DATABASE_CA,
    IMAGES,
    IN_IMAGES,
    MODELS,
    TLS,
    USER_ID,
    find_image,
)
from appliance.programs.registrations import ROLES, build_url
from appliance.settings import Settings
from appliance.settings.model import FurtherModel, Purpose
from appliance.topology import Component, Flow, Port, Topology, build_topology, name_engine
from inference.registry.licence import build_terms
from inference.registry.load import load_catalogue

SCHEMA_VERSION = 1
# What the web application and engine-proxy define; a test keeps these equal.
LIVE_PATH = "/healthz"
METRICS_PATH = "/metrics"
BROKER_DATABASE = 1
SOMEWHERE = "destination.invalid:1"
TLS_FILES = {"ca_file": "ca.crt", "certificate_file": "tls.crt", "key_file": "tls.key"}
MODEL_PROBES = {
    # A model may be listed and yet write nothing, so the start waits for one token. After that the proxy's clients
    # fill the queue, and a probe that waits in it would take a busy engine for a broken one.
    "engine": {"startup": "token", "readiness": "models", "liveness": "health"},
    "embedder": {"startup": "health", "readiness": "health", "liveness": "health"},
    "engine-embedding": {"startup": "embedding", "readiness": "models", "liveness": "health"},
    "engine-reranking": {"startup": "reranking", "readiness": "models", "liveness": "health"},
}
# In a Pod of its own a model that writes nothing is the one further model, and called what it is for.
POOLING_PORT = 8411
POOLING: tuple[Purpose, ...] = ("embedding", "reranking")


def build_base_settings() -> Settings:
    """A cluster's ``appliance.yaml`` before any value: ports and paths, which are the same in every installation."""
    return Settings.model_validate(
        {
            "layout": "kubernetes",
            "data_dir": DATA_DIR,
            "database": {"host": "postgres"},
            "redis": {"host": "redis"},
            "engine_proxy": {key: TLS / name for key, name in TLS_FILES.items()},
        }
    )


def build_document(settings: Settings) -> dict[str, Any]:
    """Everything, as JSON types. ``settings`` are :func:`build_base_settings`, perhaps with other ports."""
    topology = build_topology(settings)
    opened = build_topology(
        settings.model_copy(update={"egress": settings.egress.model_copy(update={"allow": (SOMEWHERE,)})})
    )
    return {
        "schema_version": SCHEMA_VERSION,
        "settings": _describe_settings(settings),
        "paths": {
            "config": str(IN_IMAGES.config),
            "cache": str(DATA_DIR / "cache"),
            "secrets": str(settings.secrets_dir),
            "tls": str(TLS),
            "database_ca": str(DATABASE_CA),
            "models": str(MODELS),
            "events": str(settings.events_dir),
        },
        "user_id": USER_ID,
        "queues": {name: list(queues) for name, queues in QUEUES.items()},
        "images": {key: image.name for key, image in IMAGES.items()},
        "components": {component.name: _describe_component(component) for component in opened.components},
        "ports": {
            component.name: [_describe_port(port) for port in ports]
            for component in topology.components
            if (ports := topology.list_ports(component.name))
        },
        "flows": _describe_flows(topology, opened),
        "containers": _describe_containers(settings, topology),
        "pooling": {purpose: _describe_pooling(settings, purpose) for purpose in POOLING},
        "manage": {
            "argv": [str(IN_IMAGES.python), "-P", "-m", "webapp.manage"],
            "env": build_webapp_environment(settings, IN_IMAGES),
            "image": find_image("setup"),
        },
        "licences": _describe_licences(),
        "live_path": LIVE_PATH,
        "metrics_path": METRICS_PATH,
        "broker_database": BROKER_DATABASE,
    }


def _describe_licences() -> dict[str, Any]:
    """Those of the catalogue: their name, what they ask for, and what stands for these words in the audit, and what
    has to be shown."""
    catalogue, described = load_catalogue(), {}
    for key in sorted(catalogue.licences):
        terms = build_terms(catalogue, hub_id=None, card=key, folder=None)
        described[key] = {
            "name": terms.name,
            "obligations": list(terms.obligations),
            "words": terms.text_id,
            "display": terms.display,
        }
    return described


def _describe_settings(settings: Settings) -> dict[str, Any]:
    proxy = settings.engine_proxy
    return {
        "layout": settings.layout,
        "data_dir": str(settings.data_dir),
        "web": {"port": settings.web.port},
        "database": {"port": settings.database.port},
        "redis": {"port": settings.redis.port},
        "engine_proxy": {"port": proxy.port, **{key: str(getattr(proxy, key)) for key in TLS_FILES}},
        "egress": {"port": settings.egress.port},
        "model": {"port": settings.model.port, "automatic": False},
        "embeddings": {"port": settings.embeddings.port, "model": settings.embeddings.model},
    }


def _describe_component(component: Component) -> dict[str, Any]:
    return {
        "description": component.description,
        "places": [] if component.command == "external" else list(component.places),
    }


def _describe_port(port: Port) -> dict[str, Any]:
    return {
        "name": f"{port.protocol}-{port.transport}" if port.transport == "udp" else port.protocol,
        "number": port.number,
        "transport": port.transport.upper(),
        "scheme": "https" if port.tls != "none" else "http",
        "health_path": port.health_path,
        "local": port.is_local,
    }


def _describe_flows(closed: Topology, opened: Topology) -> list[dict[str, Any]]:
    """Those that exist only where ``egress.allow`` names something say so."""
    return [_describe_flow(flow, outside=flow not in closed.flows) for flow in opened.flows]


def _describe_flow(flow: Flow, *, outside: bool) -> dict[str, Any]:
    return {"source": flow.source, "target": flow.target, "purpose": flow.purpose, "outside": outside}


def _describe_containers(settings: Settings, topology: Topology) -> dict[str, list[dict[str, Any]]]:
    """By place: what runs in that Pod, the component that names it first."""
    programs = {program.name: program for program in _build_programs(settings, topology)}
    places: dict[str, list[dict[str, Any]]] = {}
    for component in topology.programs:
        for place in component.places:
            if component.name in programs:
                program = _in_place(programs[component.name], place)
                places.setdefault(place, []).append(_describe_program(program, topology))
    return {
        place: sorted(containers, key=lambda each: bool(each["name"] != place)) for place, containers in places.items()
    }


def _describe_pooling(settings: Settings, purpose: Purpose) -> dict[str, Any]:
    """The Pod of a model that embeds or ranks: its containers, its port, and where it is asked behind the proxy."""
    further = FurtherModel(path=MODELS, port=POOLING_PORT, purpose=purpose)
    with_it = settings.model_copy(update={"further_models": {purpose: further}})
    containers = _describe_containers(with_it, build_topology(with_it))[name_engine(purpose)]
    return {"containers": containers, "port": POOLING_PORT, "path": build_url("", purpose), "role": ROLES[purpose]}


def _in_place(program: Program, place: str) -> Program:
    """The proxy stands in front of its Pod's server; of a worker's replicas each is addressed by its Pod's name."""
    if program.name == "engine-proxy":
        return replace(program, argv=(*program.argv, "--upstream", place))
    one, each = worker_node(program.name), f"{program.name}@%h"
    return replace(program, argv=tuple(each if word == one else word for word in program.argv))


def _describe_program(program: Program, topology: Topology) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": program.name,
        "image": find_image(program.name),
        "argv": list(program.argv),
        "env": dict(program.env),
        "stop_seconds": program.stop_seconds,
    }
    if depths := MODEL_PROBES.get(program.name):
        url = topology.port(program.name).address
        described["probes"] = {probe: _build_probe(Path(program.argv[0]), url, ask) for probe, ask in depths.items()}
    return described


def _build_probe(python: Path, url: str, ask: str) -> list[str]:
    """The servers listen on loopback, which the kubelet does not reach: it has a program in the container ask."""
    return [str(python), "-P", "-m", "inference.serving.readiness", "--url", url, "--ask", ask]


def _build_programs(settings: Settings, topology: Topology) -> tuple[Program, ...]:
    return build_installed_programs(
        _with_holes(settings), topology, IN_IMAGES, inference_python=IMAGES["inference"].python
    )


@dataclass(frozen=True)
class _Hole:
    """Stands where a value of the installation will be."""

    key: str

    def __str__(self) -> str:
        return f"${{{self.key}}}"


def _with_holes(settings: Settings) -> Settings:
    """The same settings with holes for what only an installation's values say; not validated, only printed."""
    worker, ingestion = _Hole("worker.concurrency"), _Hole("ingestion.concurrency")
    return settings.model_copy(
        update={
            "worker": settings.worker.model_copy(update={"concurrency": worker}),
            "ingestion": settings.ingestion.model_copy(update={"concurrency": ingestion}),
            "web": settings.web.model_copy(update={"trusted_proxies": (str(_Hole("web.trusted_proxies")),)}),
        }
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "What the Helm chart reads: the topology of layout kubernetes, whatever the settings say."


def render(_settings: Settings, _arguments: argparse.Namespace) -> str:
    return render_document()


def render_document() -> str:
    """The contents of ``helm/appliance/files/topology.json``."""
    return json.dumps(build_document(build_base_settings()), indent=2) + "\n"
