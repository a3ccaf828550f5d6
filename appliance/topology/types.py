"""The values a topology is made of, and what makes one valid."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CommandKind = Literal[
    "external", "system", "postgres", "redis", "embedder", "engine", "engine-proxy", "asgi", "celery-worker",
    "celery-beat", "egress", "setup",
]  # fmt: skip
HealthKind = Literal["none", "postgres", "redis", "http", "engine", "celery", "process", "embeddings", "reranking"]
Zone = Literal["outside", "site", "front", "application", "state", "models", "border"]
Tls = Literal["none", "server", "mutual"]
LOOPBACK = frozenset({"127.0.0.1", "::1"})


class TopologyError(Exception):
    """The topology contradicts itself; this is a defect in the code that built it, not in the configuration."""


@dataclass(frozen=True)
class DataClass:
    """A kind of data that reviewers distinguish."""

    name: str
    description: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Component:
    """Something that runs (kind ``system``: the distribution's, not ours), or (kind ``external``) somebody else.

    ``places`` are the machines or Pods it runs in, which depend on the layout; external ones have none. ``user`` is the
    operating-system user in layout hosts.
    """

    name: str
    description: str
    zone: Zone
    command: CommandKind
    health: HealthKind
    optional: bool = False
    places: tuple[str, ...] = ()
    user: str = ""


@dataclass(frozen=True)
class Port:
    """What a component listens on: a TCP (or UDP) port at an address, or a unix socket."""

    component: str
    protocol: str
    bind: str = ""
    number: int | None = None
    socket: Path | None = None
    health_path: str = ""
    tls: Tls = "none"
    transport: Literal["tcp", "udp"] = "tcp"

    @property
    def address(self) -> str:
        """As people write it: ``http://127.0.0.1:8400``, or the path of a socket."""
        if self.socket is not None:
            return str(self.socket)
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        return f"{self.protocol}://{host}:{self.number}"

    @property
    def is_local(self) -> bool:
        """Whether only its own machine or Pod reaches it."""
        return self.socket is not None or self.bind in LOOPBACK


@dataclass(frozen=True)
class Flow:
    """``source`` opens connections to ``target``'s ports, or to those that speak ``protocol``; data goes either way."""

    source: str
    target: str
    data_classes: tuple[str, ...]
    purpose: str
    protocol: str = ""


@dataclass(frozen=True)
class Store:
    """Data at rest: which kind, in which component, what exactly, and how long it stays there."""

    component: str
    data_class: str
    what: str
    retention: str


@dataclass(frozen=True)
class Topology:
    """Raises :class:`TopologyError` when it is made of parts that do not fit."""

    components: tuple[Component, ...]
    ports: tuple[Port, ...]
    flows: tuple[Flow, ...]
    data_classes: tuple[DataClass, ...]
    stores: tuple[Store, ...] = ()

    def __post_init__(self) -> None:
        names = [component.name for component in self.components]
        _refuse_repeats("component", names)
        _refuse_repeats("port", [place for port in self.ports for place in self._occupies(port)])
        _refuse_repeats("socket", [str(port.socket) for port in self.ports if port.socket is not None])
        known_data = {data_class.name for data_class in self.data_classes}
        listening = {port.component for port in self.ports}
        for port in self.ports:
            _require(port.component in names, f"port of unknown component {port.component!r}")
            _require((port.number is None) != (port.socket is None), f"{port.component}: one of number and socket")
        for flow in self.flows:
            _require(flow.source in names, f"flow from unknown component {flow.source!r}")
            _require(flow.target in names, f"flow to unknown component {flow.target!r}")
            _require(flow.target in listening, f"flow to {flow.target!r}, which listens on nothing")
            _require(bool(self.list_ports_of(flow)), f"{flow.target} does not speak {flow.protocol!r}")
            _require(set(flow.data_classes) <= known_data, f"unknown data class in {flow.source} -> {flow.target}")
            _require(self._can_meet(flow), f"{flow.source} -> {flow.target}: the port is local to another place")
        for store in self.stores:
            _require(store.component in names, f"store in unknown component {store.component!r}")
            _require(store.data_class in known_data, f"unknown data class in the store of {store.component}")

    def _occupies(self, port: Port) -> list[str]:
        """Nobody listens twice on one number of one machine or Pod; somebody else's machines are not ours to check."""
        owner = next((each for each in self.components if each.name == port.component), None)
        if port.number is None or owner is None or owner.command == "external":
            return []
        return [" ".join(filter(None, (place, f"{port.bind}:{port.number}"))) for place in owner.places or ("",)]

    def _can_meet(self, flow: Flow) -> bool:
        """What listens on loopback or a socket is reached from its own machine or Pod only."""
        target, source = self.component(flow.target), self.component(flow.source)
        local = all(port.is_local for port in self.list_ports_of(flow))
        return not (local and target.places and source.places) or not set(target.places).isdisjoint(source.places)

    def component(self, name: str) -> Component:
        return next(component for component in self.components if component.name == name)

    def port(self, name: str) -> Port:
        """The first port of the component ``name``."""
        return next(port for port in self.ports if port.component == name)

    def find_port(self, name: str) -> Port | None:
        return next((port for port in self.ports if port.component == name), None)

    def list_ports(self, name: str) -> tuple[Port, ...]:
        return tuple(port for port in self.ports if port.component == name)

    def list_ports_of(self, flow: Flow) -> tuple[Port, ...]:
        """The ports that ``flow`` opens connections to."""
        return tuple(port for port in self.list_ports(flow.target) if flow.protocol in ("", port.protocol))

    @property
    def programs(self) -> tuple[Component, ...]:
        """Components that this appliance runs itself, in the order in which they start."""
        return tuple(component for component in self.components if component.command not in ("external", "system"))

    @property
    def leaving(self) -> tuple[Flow, ...]:
        """Flows by which data leaves the site: from something the appliance runs to somebody outside."""
        outside = {each.name for each in self.components if each.command == "external" and each.zone == "outside"}
        return tuple(flow for flow in self.flows if flow.target in outside)


def _refuse_repeats(what: str, values: list[str]) -> None:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    _require(not repeated, f"the same {what} twice: {', '.join(repeated)}")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise TopologyError(problem)
