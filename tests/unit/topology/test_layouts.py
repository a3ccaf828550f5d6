"""On hosts and in a cluster: what listens where, and that nothing leaves unless it was allowed."""

import pytest

from appliance.settings import Settings
from appliance.topology import Topology, build_topology
from tests.unit.topology.layouts import hosts, kubernetes

EGRESS = {"allow": ["hooks.example.com:443", "mail.example.com:465"]}


def reachable(topology: Topology, place: str) -> set[tuple[str, int]]:
    """What others can reach in a place, as component and port number."""
    return {
        (port.component, port.number)
        for port in topology.ports
        if port.number and not port.is_local and place in topology.component(port.component).places
    }


def test_hosts_open_exactly_these_ports() -> None:
    topology = build_topology(hosts())
    assert reachable(topology, "app") == {("nginx", 80), ("nginx", 443), ("sshd", 22)}
    assert reachable(topology, "gpu") == {("engine-proxy", 8443), ("sshd", 22)}


def test_engine_is_reached_through_its_proxy_only() -> None:
    for settings in (hosts(), kubernetes()):
        topology = build_topology(settings)
        assert {flow.source for flow in topology.flows if flow.target in ("engine", "embedder")} == {"engine-proxy"}
        assert all(port.is_local for name in ("engine", "embedder") for port in topology.list_ports(name))
        assert topology.port("engine-proxy").tls == "mutual"


@pytest.mark.parametrize("settings", [hosts(), kubernetes()])
def test_nothing_leaves_by_default(settings: Settings) -> None:
    topology = build_topology(settings)
    assert topology.leaving == ()
    assert topology.find_port("destinations") is None


@pytest.mark.parametrize("settings", [hosts(egress=EGRESS), kubernetes(egress=EGRESS)])
def test_what_is_allowed_out_leaves_through_egress(settings: Settings) -> None:
    topology = build_topology(settings)
    assert {(flow.source, flow.target) for flow in topology.leaving} == {("egress", "destinations")}
    assert [port.number for port in topology.list_ports("destinations")] == [443, 465]


def test_what_is_asked_over_http_says_at_which_path() -> None:
    for settings in (Settings(), hosts(), kubernetes()):
        topology = build_topology(settings)
        asked = [component.name for component in topology.programs if component.health == "http"]
        assert {"embedder", "engine-proxy", "web"} <= set(asked)
        assert [name for name in asked if not topology.port(name).health_path] == []


def test_changed_ports_are_followed() -> None:
    topology = build_topology(hosts(engine_proxy={**hosts().engine_proxy.model_dump(), "port": 9443}))
    assert topology.port("engine-proxy").address == "https://0.0.0.0:9443"


def test_every_store_is_in_a_component_of_every_layout() -> None:
    for settings in (Settings(), hosts(), kubernetes()):
        topology = build_topology(settings)
        assert {store.component for store in topology.stores} <= {each.name for each in topology.components}


def test_agent_adds_its_flows_and_no_way_in() -> None:
    plain, managed = build_topology(hosts()), build_topology(hosts(management={"agent": "ssm"}))
    for place in ("app", "gpu"):
        assert reachable(managed, place) == reachable(plain, place)
    assert {(flow.source, flow.target) for flow in set(managed.flows) - set(plain.flows)} == {
        ("ssm-agent", "cloud-endpoints"),
        ("ssm-agent", "cloud-metadata"),
        ("ssm-agent", "resolver"),
    }
    assert [flow.target for flow in managed.leaving] == ["cloud-endpoints"]


def test_agent_is_of_layout_hosts_only() -> None:
    assert build_topology(kubernetes(management={"agent": "ssm"})) == build_topology(kubernetes())
