"""The firewall of a host: nothing in, nothing out, nothing through, but the flows of the topology. Pure text.

Between programs of one host the flows are kept by user: the engine's port answers to the proxy's user only. What one
user's programs say to each other on loopback is their own affair; root is not kept from anything it could change.
"""

from collections.abc import Iterable
from ipaddress import ip_network
from itertools import groupby

from appliance.rendering.site import EVERYWHERE, Network, Site
from appliance.topology import Component, Flow, Port
from appliance.topology.nodes import PROTOCOL as NODES

HEADER = "# Written by the playbooks from the appliance's topology; edits are overwritten."
EPHEMERAL = "32768-60999"  # Linux's default range, from which programs get ports they did not ask for by number
CHOSEN_BY_KERNEL = Port("any", NODES, bind="any", number=1)
NEIGHBORS = "nd-neighbor-solicit, nd-neighbor-advert"  # IPv6 finds its neighbors with ICMP
INPUT = f"""\
        ct state established,related accept
        ct state invalid drop
        iif "lo" accept comment "kept by the rules of those who send"
        ip protocol icmp icmp type {{ destination-unreachable, time-exceeded, parameter-problem }} accept
        icmpv6 type {{ destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} accept
        icmpv6 type {{ {NEIGHBORS}, nd-router-advert }} accept"""
OUTPUT = f"""\
        ct state established,related accept
        ct state invalid drop
        oif "lo" meta skuid 0 accept comment "root, which could change this file"
        icmpv6 type {{ {NEIGHBORS}, nd-router-solicit }} accept"""


def build_ruleset(site: Site, places: tuple[str, ...]) -> str:
    """The whole of ``/etc/nftables.conf`` for the host that has these places."""
    inside = [
        flow for flow in site.topology.flows if _is_at(site, flow.source, places) and _is_at(site, flow.target, places)
    ]
    entering = [flow for flow in site.topology.flows if flow not in inside and _is_at(site, flow.target, places)]
    leaving = [flow for flow in site.topology.flows if flow not in inside and _is_at(site, flow.source, places)]
    lines = [
        HEADER,
        "flush ruleset",
        "",
        "table inet appliance {",
        "    counter refused_in {}",
        "    counter refused_out {}",
        "",
        "    chain input {",
        "        type filter hook input priority filter; policy drop;",
        *INPUT.splitlines(),
        *(rule for flow in entering for rule in _enter(site, flow)),
        "        counter name refused_in drop",
        "    }",
        "",
        "    chain forward {",
        "        type filter hook forward priority filter; policy drop;",
        "    }",
        "",
        "    chain output {",
        "        type filter hook output priority filter; policy drop;",
        *OUTPUT.splitlines(),
        *_pass_inside(site, inside),
        *_speak_to_oneself(site, places),
        *(rule for flow in leaving for rule in _leave(site, flow)),
        "        counter name refused_out drop",
        "    }",
        "}",
        "",
    ]
    return "\n".join(lines)


def _is_at(site: Site, name: str, places: tuple[str, ...]) -> bool:
    return bool(set(site.topology.component(name).places) & set(places))


def _enter(site: Site, flow: Flow) -> list[str]:
    source = site.topology.component(flow.source)
    return [
        f"        {_match('saddr', family, networks)}{_to(port)} accept {_why(flow)}"
        for port in _list_ports(site, flow)
        if not port.is_local
        for family, networks in _by_family(site.networks(source))
    ]


def _leave(site: Site, flow: Flow) -> list[str]:
    source, target = site.topology.component(flow.source), site.topology.component(flow.target)
    networks = site.networks(target)
    if target.name == "destinations":  # names, which egress itself keeps to; here it is kept to their ports
        networks = tuple(ip_network(each) for each in EVERYWHERE)
    return [
        f"        {_match('daddr', family, of)}{_to(port)} {_sent_by([source])} accept {_why(flow)}"
        for port in _list_ports(site, flow)
        for family, of in _by_family(networks)
    ]


def _pass_inside(site: Site, flows: Iterable[Flow]) -> list[str]:
    """Loopback: for each port the users that may speak to it, and nobody else."""
    rules = []
    ordered = sorted(flows, key=lambda flow: flow.target)
    for target, group in groupby(ordered, key=lambda flow: flow.target):
        of = list(group)
        for port in site.topology.list_ports(target):
            these = [flow for flow in of if flow.protocol in ("", port.protocol)]
            if port.number is None or not these:
                continue
            sources = [site.topology.component(flow.source) for flow in these]
            names = ", ".join(dict.fromkeys(flow.source for flow in these))
            rules.append(f'        oif "lo" {_to(port)} {_sent_by(sources)} accept comment "{names} -> {target}"')
    return rules


def _speak_to_oneself(site: Site, places: tuple[str, ...]) -> list[str]:
    """vLLM's processes find each other on loopback ports that the kernel chose."""
    if not set(site.topology.component("engine").places) & set(places):
        return []
    user, nodes = site.topology.component("engine").user, site.settings.model.nodes
    numbers = EPHEMERAL if nodes.count == 1 else f"{{ {nodes.port}, {EPHEMERAL} }}"
    return [f'        oif "lo" tcp dport {numbers} meta skuid "{user}" accept comment "the engine\'s own processes"']


def _list_ports(site: Site, flow: Flow) -> tuple[Port, ...]:
    """Machines that hold one model meet at one port, and go on at those that their kernels choose."""
    ports = site.topology.list_ports_of(flow) if flow.protocol == NODES else site.topology.list_ports(flow.target)
    return (*ports, CHOSEN_BY_KERNEL) if flow.protocol == NODES else ports


def _match(side: str, family: str, networks: list[Network]) -> str:
    if any(str(network) in EVERYWHERE for network in networks):
        return f"meta nfproto {'ipv4' if family == 'ip' else 'ipv6'} "
    return f"{family} {side} {{ {', '.join(map(str, networks))} }} "


def _to(port: Port) -> str:
    return f"{port.transport} dport {EPHEMERAL if port is CHOSEN_BY_KERNEL else port.number}"


def _sent_by(components: Iterable[Component]) -> str:
    users = sorted({component.user for component in components})
    assert all(users), "a component of a host has a user"
    quoted = [f'"{user}"' for user in users]
    return f"meta skuid {quoted[0]}" if len(quoted) == 1 else f"meta skuid {{ {', '.join(quoted)} }}"


def _why(flow: Flow) -> str:
    return f'comment "{flow.source} -> {flow.target}"'


def _by_family(networks: Iterable[Network]) -> list[tuple[str, list[Network]]]:
    """nftables keeps IPv4 and IPv6 addresses apart."""
    found: dict[str, list[Network]] = {}
    for network in sorted(networks, key=lambda each: each.version):
        found.setdefault("ip" if network.version == 4 else "ip6", []).append(network)
    return list(found.items())
