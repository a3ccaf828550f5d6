"""Network policies against the topology, both ways: each flow has one rule where it leaves and one where it arrives,
and there is no rule beside."""

import ipaddress
from typing import Any

import pytest

from appliance.settings import Settings
from appliance.topology import Topology, build_topology
from tests.helm.helm import Helm, Object, find, list_pods, list_value_files, read_settings, read_values, with_value

Rule = tuple[str, str, tuple[str, ...], tuple[str, ...]]
# Outside the chart: who stands for the component of the topology, as values say or default.
OUTSIDE = {"ingress": ("namespace ingress-nginx",), "resolver": ("namespace kube-system k8s-app=kube-dns",)}
OUTSIDE_OF: dict[str, dict[str, tuple[str, ...]]] = {
    "minimum": {"postgres": ("10.0.8.0/24",)},
    "external": {
        "postgres": ("10.0.8.0/24", "10.0.9.0/24"), "redis": ("10.0.8.7/32",), "destinations": ("203.0.113.0/24",),
    },
    "cloudnativepg": {"postgres": ("postgres",)},
    "models": {"postgres": ("10.0.8.0/24",), "monitoring": ("namespace monitoring",)},
}  # fmt: skip


def read_topology(objects: list[Object]) -> Topology:
    """Of the settings that the chart rendered."""
    name = "answers-config" if any(each["metadata"]["name"] == "answers-config" for each in objects) else ""
    return build_topology(Settings.model_validate(read_settings(objects, name or "appliance-config")))


def list_places(objects: list[Object]) -> set[str]:
    places = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for _, pod in list_pods(objects)}
    return places | {"postgres" for each in objects if each["kind"] == "Cluster"}


def expect_rules(topology: Topology, places: set[str], outside: dict[str, tuple[str, ...]]) -> list[Rule]:
    """Place, direction, peers and ports of every rule that the topology calls for."""
    rules = []
    for flow in topology.flows:
        ports = tuple(
            f"{port.transport.upper()} {port.number}" for port in topology.list_ports_of(flow) if not port.is_local
        )
        source, target = topology.component(flow.source), topology.component(flow.target)
        from_ = outside.get(flow.source) or tuple(sorted(set(source.places) & places))
        to = outside.get(flow.target) or tuple(sorted(set(target.places) & places))
        if not ports or not from_ or not to:
            continue
        rules += [(place, "ingress", from_, ports) for place in target.places if place in places]
        rules += [(place, "egress", to, ports) for place in source.places if place in places]
    return sorted(rules)


def read_rules(objects: list[Object]) -> list[Rule]:
    rules = []
    for policy in objects:
        if policy["kind"] != "NetworkPolicy" or "-operator-" in policy["metadata"]["name"]:
            continue
        place = describe_labels(policy["spec"]["podSelector"].get("matchLabels", {}))
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction, ()):
                ports = tuple(f"{port['protocol']} {port['port']}" for port in rule["ports"])
                rules.append((place, direction, tuple(sorted(describe_peer(each) for each in rule[peers])), ports))
    return sorted(rules)


def describe_peer(peer: dict[str, Any]) -> str:
    if "ipBlock" in peer:
        assert set(peer["ipBlock"]) == {"cidr"}
        return str(ipaddress.ip_network(peer["ipBlock"]["cidr"]))
    labels = dict(peer.get("podSelector", {}).get("matchLabels", {}))
    if "namespaceSelector" in peer:
        namespace = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        return " ".join(["namespace", namespace, *(f"{key}={value}" for key, value in labels.items())])
    return describe_labels(labels)


def describe_labels(labels: dict[str, str]) -> str:
    """The component whose Pods carry exactly these labels; CloudNativePG's carry its own."""
    if labels == {"cnpg.io/cluster": "appliance-postgres"}:
        return "postgres"
    ours = {"app.kubernetes.io/name": "appliance", "app.kubernetes.io/instance": "appliance"}
    assert not labels or ours.items() < labels.items()
    assert len(labels) in (0, 3)
    return labels.get("app.kubernetes.io/component", "everything")


@pytest.mark.parametrize("name", list_value_files())
def test_policies_are_the_topologys_flows(rendered: dict[str, list[Object]], name: str) -> None:
    objects = rendered[name]
    expected = expect_rules(read_topology(objects), list_places(objects), {**OUTSIDE, **OUTSIDE_OF[name]})
    assert read_rules(objects) == expected
    assert len(expected) > 20


def test_nothing_is_allowed_before_a_policy_allows_it(objects: list[Object]) -> None:
    deny = next(each for each in objects if each["metadata"]["name"].endswith("-default-deny"))
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in (each for each in objects if each["kind"] == "NetworkPolicy"):
        for rules in (policy["spec"].get("ingress", ()), policy["spec"].get("egress", ())):
            for rule in rules:
                assert rule.get("from") or rule.get("to"), "a rule without peers lets everybody"
                assert rule["ports"], "a rule without ports opens all"


def test_only_egress_has_a_way_out(rendered: dict[str, list[Object]]) -> None:
    """Of the topology's rules: none with an address outside for anybody else, and none at all by default."""
    outside = {
        name: {
            place
            for place, direction, peers, _ in read_rules(objects)
            if direction == "egress" and any(_is_public(peer) for peer in peers)
        }
        for name, objects in rendered.items()
    }
    assert {name: places for name, places in outside.items() if places} == {
        "external": {"egress"}, "external-upgrade": {"egress"},
    }  # fmt: skip


def _is_public(peer: str) -> bool:
    try:
        network = ipaddress.ip_network(peer)
    except ValueError:
        return False
    return not network.subnet_of(ipaddress.ip_network("10.0.0.0/8"))  # type: ignore[arg-type] # the tests write IPv4


def test_way_out_to_everywhere_leaves_out_the_clouds_own_address(helm: Helm) -> None:
    objects = helm.render(with_value(read_values("minimum"), "egress.allow", ["hooks.example.com:443"]))
    policy = find(objects, "NetworkPolicy", "appliance-egress")
    (rule,) = [rule for rule in policy["spec"]["egress"] if rule["ports"] == [{"port": 443, "protocol": "TCP"}]]
    assert rule["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]


def test_model_pods_may_connect_to_nobody(rendered: dict[str, list[Object]]) -> None:
    for name in ("embedder", "engine"):
        policy = find(rendered["models"], "NetworkPolicy", f"appliance-{name}")
        assert "egress" not in policy["spec"]
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_operators_get_in_only_where_a_value_says_so(rendered: dict[str, list[Object]]) -> None:
    extra = {
        name: sorted(
            each["metadata"]["name"]
            for each in objects
            if each["kind"] == "NetworkPolicy" and "-operator-" in each["metadata"]["name"]
        )
        for name, objects in rendered.items()
        if not name.endswith("-upgrade")
    }
    assert extra == {
        "minimum": [],
        "external": [],
        "cloudnativepg": ["appliance-operator-cloudnativepg"],
        "models": ["appliance-operator-keda"],
    }


def test_prometheus_gets_in_only_where_a_value_says_so(helm: Helm) -> None:
    objects = helm.render(with_value(read_values("minimum"), "monitoring.enabled", True))
    assert ("embedder", "ingress", ("namespace monitoring",), ("TCP 8443",)) in read_rules(objects)
    assert not any(
        "namespace monitoring" in peers for _, _, peers, _ in read_rules(helm.render(read_values("minimum")))
    )
