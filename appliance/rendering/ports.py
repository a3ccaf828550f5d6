"""The port matrix: who may open a connection to what, where, protected how, and about what."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from appliance.settings import Settings
from appliance.topology import Port, Topology, build_topology


@dataclass(frozen=True)
class Row:
    """One flow to one port. ``reach`` is "same machine" (or Pod) or "network"."""

    source: str
    target: str
    address: str
    transport: str
    encryption: str
    reach: str
    data_classes: tuple[str, ...]
    purpose: str


ENCRYPTION = {"none": "none", "server": "TLS", "mutual": "TLS with client certificates"}


def list_rows(topology: Topology) -> Iterator[Row]:
    """In the topology's order of flows."""
    for flow in topology.flows:
        for port in topology.list_ports_of(flow):
            yield Row(
                source=flow.source,
                target=flow.target,
                address=describe_address(port),
                transport=f"{port.transport} {port.number}" if port.number else "unix socket",
                encryption=ENCRYPTION[port.tls],
                reach="same machine" if port.is_local else "network",
                data_classes=flow.data_classes,
                purpose=flow.purpose,
            )


def describe_address(port: Port) -> str:
    """Where it listens; somebody else's address is not ours to say."""
    if port.socket is not None:
        return str(port.socket)
    return f"{port.bind}:{port.number}" if port.bind else f"port {port.number}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "The port matrix as JSON."


def render(settings: Settings, _arguments: argparse.Namespace) -> str:
    rows = [asdict(row) for row in list_rows(build_topology(settings))]
    return json.dumps({"schema_version": 1, "ports": rows}, indent=2) + "\n"
