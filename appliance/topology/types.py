"""The values a topology is made of, and what makes one valid."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CommandKind = Literal["external", "postgres", "redis", "embedder", "engine", "asgi", "celery-worker", "celery-beat"]
HealthKind = Literal["none", "postgres", "redis", "http", "engine", "celery", "process"]
Zone = Literal["outside", "front", "application", "state", "models"]


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
    """Something that runs, or (kind ``external``) somebody who talks to what runs."""

    name: str
    description: str
    zone: Zone
    command: CommandKind
    health: HealthKind
    optional: bool = False


@dataclass(frozen=True)
class Port:
    """What a component listens on: a TCP port at an address, or a unix socket."""

    component: str
    protocol: str
    bind: str = ""
    number: int | None = None
    socket: Path | None = None
    health_path: str = ""

    @property
    def address(self) -> str:
        """As people write it: ``http://127.0.0.1:8400``, or the path of a socket."""
        if self.socket is not None:
            return str(self.socket)
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        return f"{self.protocol}://{host}:{self.number}"


@dataclass(frozen=True)
class Flow:
    """``source`` opens connections to ``target``'s port; data classes go either way."""

    source: str
    target: str
    data_classes: tuple[str, ...]
    purpose: str


@dataclass(frozen=True)
class Topology:
    """Raises :class:`TopologyError` when it is made of parts that do not fit."""

    components: tuple[Component, ...]
    ports: tuple[Port, ...]
    flows: tuple[Flow, ...]
    data_classes: tuple[DataClass, ...]

    def __post_init__(self) -> None:
        names = [component.name for component in self.components]
        _refuse_repeats("component", names)
        _refuse_repeats("port", [f"{port.bind}:{port.number}" for port in self.ports if port.number is not None])
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
            _require(set(flow.data_classes) <= known_data, f"unknown data class in {flow.source} -> {flow.target}")

    def component(self, name: str) -> Component:
        return next(component for component in self.components if component.name == name)

    def port(self, name: str) -> Port:
        """The port of the component ``name``."""
        return next(port for port in self.ports if port.component == name)

    def find_port(self, name: str) -> Port | None:
        return next((port for port in self.ports if port.component == name), None)

    @property
    def programs(self) -> tuple[Component, ...]:
        """Components that this appliance runs, in the order in which they start."""
        return tuple(component for component in self.components if component.command != "external")

    @property
    def leaving(self) -> tuple[Flow, ...]:
        """Flows by which data leaves the appliance: from something it runs to somebody outside."""
        outside = {component.name for component in self.components if component.command == "external"}
        return tuple(flow for flow in self.flows if flow.target in outside)


def _refuse_repeats(what: str, values: list[str]) -> None:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    _require(not repeated, f"the same {what} twice: {', '.join(repeated)}")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise TopologyError(problem)
