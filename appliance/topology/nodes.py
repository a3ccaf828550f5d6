"""Several machines that hold one model: who they are to each other, in layout hosts.

vLLM's processes meet at the head's port, and then speak on ports that their kernels chose, without encryption: the
machines need a network that is theirs alone.
"""

from appliance.settings import Settings
from appliance.topology.engines import ENGINE
from appliance.topology.types import Component, Flow, Port

NODES = "engine-nodes"
PROTOCOL = "torch"
CARRIED = ("documents", "questions", "answers")
OTHERS = Component(NODES, "The other machines that hold parts of the model.", "models", "external", "none")
ANY = "0.0.0.0"  # noqa: S104 - what may reach it is the firewall's to say
HTTP = "http"


def has_nodes(settings: Settings) -> bool:
    return settings.model.nodes.count > 1


def is_headless(settings: Settings) -> bool:
    return settings.model.nodes.rank > 0


def list_node_ports(settings: Settings) -> tuple[Port, ...]:
    """The same port at each end: the head listens at it, and the others reach it there."""
    if not has_nodes(settings):
        return ()
    number = settings.model.nodes.port
    return (Port(ENGINE, PROTOCOL, bind=ANY, number=number), Port(NODES, PROTOCOL, number=number))


def list_node_flows(settings: Settings) -> tuple[Flow, ...]:
    if not has_nodes(settings):
        return ()
    why = "Computes its part of the model; also on ports that the kernels choose."
    return (Flow(ENGINE, NODES, CARRIED, why, PROTOCOL), Flow(NODES, ENGINE, CARRIED, why, PROTOCOL))
