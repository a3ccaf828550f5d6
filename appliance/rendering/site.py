"""One site: its settings, who has which addresses, and who may therefore reach what."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from appliance.rendering import paths
from appliance.settings import Settings
from appliance.settings.load import explain
from appliance.topology import Component, Flow, Port, Topology, build_topology
from appliance.topology.nodes import NODES, has_nodes

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PLACES = ("app", "gpu")
EVERYWHERE = ("0.0.0.0/0", "::/0")


class RenderingError(Exception):
    """The inventory cannot be rendered; the message names what is wrong in it and what would be right."""


@dataclass(frozen=True)
class Site:
    """``addresses``: of the places, and of the people and servers outside that the topology names."""

    settings: Settings
    topology: Topology
    addresses: Mapping[str, tuple[Network, ...]]

    def networks(self, component: Component) -> tuple[Network, ...]:
        """Where this component is: its places' addresses, or those that the inventory gives somebody outside."""
        names = component.places or (component.name,)
        return tuple(dict.fromkeys(network for name in names for network in self.addresses.get(name, ())))

    def is_one_host(self) -> bool:
        return self.addresses["app"] == self.addresses["gpu"]

    def list_places(self, place: str) -> tuple[str, ...]:
        """The places on the host that has ``place``: with one host, both."""
        return PLACES if self.is_one_host() else (place,)

    def find_reachable(self, address: str, place: str) -> tuple[Port, ...]:
        """The ports of ``place`` that a machine with this address may reach, by the topology's flows.

        One of the appliance's own hosts is held by its own firewall too, whoever else's network its address is in.
        """
        found = []
        for flow in self.topology.flows:
            target = self.topology.component(flow.target)
            if place not in target.places or not self._is_at(flow, address):
                continue
            found += [port for port in self.topology.list_ports_of(flow) if not port.is_local]
        return tuple(dict.fromkeys(found))

    def _is_at(self, flow: Flow, address: str) -> bool:
        here = ipaddress.ip_address(address)
        own = [place for place in PLACES if any(here in network for network in self.addresses[place])]
        source = self.topology.component(flow.source)
        if own:
            return bool(set(own) & set(source.places))
        return any(here in network for network in self.networks(source))


def build_site(settings: Mapping[str, Any], addresses: Mapping[str, Iterable[str]]) -> Site:
    """``settings`` as in ``appliance.yaml``; what the playbooks decide is filled in. Raises :class:`RenderingError`."""
    checked = check_settings(settings)
    topology = build_topology(checked)
    known = {*PLACES, *(each.name for each in topology.components if each.command == "external")}
    if unknown := sorted(addresses.keys() - known):
        raise RenderingError(f"Addresses of {', '.join(unknown)}: the topology knows {', '.join(sorted(known))}.")
    if missing := [place for place in PLACES if not addresses.get(place)]:
        raise RenderingError(f"No address of place {' and '.join(missing)}: set appliance_address on its host.")
    if has_nodes(checked) and not addresses.get(NODES):
        raise RenderingError(
            f"appliance_networks names no {NODES}: the firewall would keep the machines that hold the model apart."
        )
    if not addresses.get("operator") and checked.management.agent is None:
        raise RenderingError(
            "appliance_networks names no operator: the firewall would let nobody in through SSH. Name the addresses "
            "that the hosts are managed from, this machine's included."
        )
    return Site(checked, topology, {name: tuple(_read(each, name) for each in of) for name, of in addresses.items()})


def check_settings(settings: Mapping[str, Any]) -> Settings:
    """Those of an inventory, completed. Raises :class:`RenderingError` for what cannot be used."""
    try:
        checked = Settings.model_validate(complete_settings(settings))
    except ValidationError as error:
        lines = [f"  {explain(item)}" for item in error.errors()]
        raise RenderingError("\n".join(["appliance_settings cannot be used:", *lines])) from None
    if checked.layout != "hosts":
        raise RenderingError(f"appliance_settings.layout is {checked.layout}; the playbooks install layout hosts.")
    return checked


def complete_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with what is the same on every site that the playbooks install; what is given goes before."""
    result: dict[str, Any] = dict(paths.SETTINGS)
    for section, given in settings.items():
        usual = paths.SETTINGS.get(section)
        result[section] = {**usual, **given} if isinstance(usual, Mapping) and isinstance(given, Mapping) else given
    return result


def _read(text: str, name: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise RenderingError(f"Address of {name}: {error}. Write 192.0.2.7 or 192.0.2.0/24.") from None


def data_path(site: Site, name: str) -> Path:
    return site.settings.data_dir / name
