"""The only description of which components exist, what they listen on, who talks to whom and what kind of data flows.

Owns no process: the local supervisor, and later systemd units, firewall rules, network policies and diagrams, are
rendered from it.
"""

from appliance.topology.build import build_topology
from appliance.topology.engines import ENGINE, list_engines, list_further, name_engine
from appliance.topology.stores import READING_ROLLUP_DAYS, READING_SAMPLE_DAYS
from appliance.topology.types import Component, DataClass, Flow, Port, Store, Topology, TopologyError

__all__ = [
    "ENGINE",
    "READING_ROLLUP_DAYS",
    "READING_SAMPLE_DAYS",
    "Component",
    "DataClass",
    "Flow",
    "Port",
    "Store",
    "Topology",
    "TopologyError",
    "build_topology",
    "list_engines",
    "list_further",
    "name_engine",
]
