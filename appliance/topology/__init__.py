"""The only description of which components exist, what they listen on, who talks to whom and what kind of data flows.

Owns no process: the local supervisor, and later systemd units, firewall rules, network policies and diagrams, are
rendered from it.
"""

from appliance.topology.build import build_topology
from appliance.topology.types import Component, DataClass, Flow, Port, Topology, TopologyError

__all__ = ["Component", "DataClass", "Flow", "Port", "Topology", "TopologyError", "build_topology"]
