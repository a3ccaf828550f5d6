"""The security groups of a VPC: for each host who may come in and where it may go, as ``amazon.aws`` takes them.

What is not named is denied, in both directions. Traffic inside one host passes no group. The playbook asks with its
inventory: ``python -m appliance.rendering.security_groups < inventory.json``.
"""

import ipaddress
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.rendering.site import RenderingError, check_settings
from appliance.topology import Component, Port, Topology, build_topology

Networks = Mapping[str, tuple[str, ...]]
Rule = dict[str, Any]
# Places of the topology, and where the VPC's interface endpoints have their addresses.
GROUPS = {
    "app": "The application host",
    "gpu": "The GPU host",
    "endpoints": "Private endpoints of AWS services",
}
ENDPOINTS = "cloud-endpoints"
WIDEST_PREFIX = 8
EXIT_UNUSABLE = 3


def build_groups(
    topology: Topology, networks: Networks, *, name: str, prefix_lists: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Each group with its ``rules`` and ``rules_egress``.

    ``networks``: where those are whom the topology calls external; the endpoints are in the hosts' subnets. Whoever has
    none gets no rule, nor do link-local addresses, such as the VPC's clock and metadata, which no group filters.
    ``name`` goes before the groups' names. ``prefix_lists``: gateway endpoints, such as S3's.
    """
    incoming: dict[str, list[Rule]] = {group: [] for group in GROUPS}
    outgoing: dict[str, list[Rule]] = {group: [] for group in GROUPS}
    for port, source, target, purpose in _list_crossings(topology):
        if source in GROUPS:
            outgoing[source] += _build_rules(port, _peers(target, networks, name), purpose)
        if target in GROUPS:
            incoming[target] += _build_rules(port, _peers(source, networks, name), purpose)
        if target == ENDPOINTS:
            inside = [{"cidr_ip": [subnet]} for subnet in networks.get(ENDPOINTS, ())]
            incoming["endpoints"] = _build_rules(port, inside, "hosts to endpoints")
            outgoing[source] += [_build_rule(port, {"ip_prefix": [each]}) for each in prefix_lists]
    return [
        {
            "name": f"{name}-{group}",
            "description": description,
            "rules": incoming[group],
            "rules_egress": outgoing[group],
        }
        for group, description in GROUPS.items()
    ]


def _list_crossings(topology: Topology) -> Iterator[tuple[Port, str, str, str]]:
    """Port, source, target and who talks, once for each pair of machines; source and target are places or externals."""
    crossings: dict[tuple[Port, str, str], list[str]] = {}
    for flow in topology.flows:
        for port in topology.list_ports_of(flow):
            if port.is_local:
                continue
            for source in _where(topology.component(flow.source)):
                for target in _where(topology.component(flow.target)):
                    if source != target:
                        crossings.setdefault((port, source, target), []).append(flow.source)
    for (port, source, target), talkers in crossings.items():
        yield port, source, target, f"{', '.join(dict.fromkeys(talkers))} to {port.component}"


def _where(component: Component) -> tuple[str, ...]:
    return component.places or (component.name,)


def _peers(place: str, networks: Networks, name: str) -> list[Rule]:
    """A group by its name, which the module makes if it is not there yet, or the networks of somebody outside."""
    group = "endpoints" if place == ENDPOINTS else place
    if group in GROUPS:
        return [{"group_name": [f"{name}-{group}"], "group_desc": GROUPS[group]}]
    found = (ipaddress.IPv4Network(network) for network in networks.get(place, ()))
    return [{"cidr_ip": [str(network)]} for network in found if not network.is_link_local]


def _build_rules(port: Port, peers: list[Rule], purpose: str) -> list[Rule]:
    return [{**_build_rule(port, peer), "rule_desc": purpose} for peer in peers]


def _build_rule(port: Port, peer: Rule) -> Rule:
    """Prefix lists' rules stay without words: the tests' stand-in for AWS keeps none, so each run would be a change."""
    return {"proto": port.transport, "from_port": port.number, "to_port": port.number, **peer}


def read_networks(written: Mapping[str, Any], topology: Topology) -> dict[str, tuple[str, ...]]:
    """Checked. Raises :class:`RenderingError` for somebody whom the topology does not know, or a network too wide."""
    known = {each.name for each in topology.components if each.command == "external"}
    if unknown := sorted(written.keys() - known):
        raise RenderingError(
            f"appliance_networks of {', '.join(unknown)}: the topology knows {', '.join(sorted(known))}."
        )
    if no_lists := sorted(who for who, networks in written.items() if not isinstance(networks, list)):
        raise RenderingError(f"appliance_networks of {', '.join(no_lists)}: write a list, such as [10.20.0.0/16].")
    return {who: tuple(_read_network(each, who) for each in networks) for who, networks in written.items()}


def _read_network(text: str, who: str) -> str:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise RenderingError(
            f"appliance_networks of {who}: {error}. Write an IPv4 network, such as 10.20.0.0/16."
        ) from None
    if network.prefixlen < WIDEST_PREFIX:
        raise RenderingError(
            f"appliance_networks of {who}: {text} is open to the world, or to much of it. Name the site's own "
            f"networks, none wider than /{WIDEST_PREFIX}."
        )
    return str(network)


def render(document: Mapping[str, Any]) -> dict[str, Any]:
    """The groups for ``settings``, ``networks``, ``name`` and ``prefix_lists`` of an inventory."""
    topology = build_topology(check_settings(document["settings"]))
    networks = read_networks(document["networks"], topology)
    groups = build_groups(
        topology, networks, name=document["name"], prefix_lists=tuple(document.get("prefix_lists", ()))
    )
    return {"schema_version": 1, "security_groups": groups}


def main() -> int:
    try:
        answer = render(json.load(sys.stdin))
    except RenderingError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_UNUSABLE
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
