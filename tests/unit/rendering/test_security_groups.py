"""The security groups of a VPC follow the topology, whole, and open nothing to the world."""

import json
import subprocess
import sys
from typing import Any

import pytest

from appliance.rendering.nftables import build_ruleset
from appliance.rendering.security_groups import build_groups, read_networks
from appliance.rendering.site import RenderingError, build_site
from appliance.settings import environment
from appliance.topology import build_topology
from tests.unit.topology.layouts import TLS, hosts

AGENT = {"management": {"agent": "ssm"}}
NETWORKS = {
    "browser": ("10.0.0.0/12", "192.168.0.0/16"),
    "monitoring": ("10.1.2.3/32",),
    "cloud-endpoints": ("10.20.0.0/20", "10.20.16.0/20"),
}
TO_ENDPOINTS = {
    "proto": "tcp", "from_port": 443, "to_port": 443, "group_name": ["answers-endpoints"],
    "group_desc": "Private endpoints of AWS services", "rule_desc": "ssm-agent to cloud-endpoints",
}  # fmt: skip
TO_S3 = {"proto": "tcp", "from_port": 443, "to_port": 443, "ip_prefix": ["pl-1"]}


def tcp(port: int, purpose: str, **peer: Any) -> dict[str, Any]:
    return {"proto": "tcp", "from_port": port, "to_port": port, **peer, "rule_desc": purpose}


def test_groups_are_whole() -> None:
    groups = build_groups(build_topology(hosts(**AGENT)), NETWORKS, name="answers", prefix_lists=("pl-1",))
    assert groups == [
        {
            "name": "answers-app",
            "description": "The application host",
            "rules": [
                tcp(443, "browser to nginx", cidr_ip=["10.0.0.0/12"]),
                tcp(443, "browser to nginx", cidr_ip=["192.168.0.0/16"]),
                tcp(80, "browser to nginx", cidr_ip=["10.0.0.0/12"]),
                tcp(80, "browser to nginx", cidr_ip=["192.168.0.0/16"]),
            ],
            "rules_egress": [
                TO_ENDPOINTS,
                TO_S3,
                tcp(8443, "worker, ingester to engine-proxy", group_name=["answers-gpu"], group_desc="The GPU host"),
            ],
        },
        {
            "name": "answers-gpu",
            "description": "The GPU host",
            "rules": [
                tcp(8443, "monitoring to engine-proxy", cidr_ip=["10.1.2.3/32"]),
                tcp(8443, "worker, ingester to engine-proxy", group_name=["answers-app"],
                    group_desc="The application host"),
            ],
            "rules_egress": [TO_ENDPOINTS, TO_S3],
        },
        {
            "name": "answers-endpoints",
            "description": "Private endpoints of AWS services",
            "rules": [
                tcp(443, "hosts to endpoints", cidr_ip=["10.20.0.0/20"]),
                tcp(443, "hosts to endpoints", cidr_ip=["10.20.16.0/20"]),
            ],
            "rules_egress": [],
        },
    ]  # fmt: skip


def test_whoever_has_no_network_gets_no_rule() -> None:
    groups = build_groups(build_topology(hosts()), {}, name="answers")
    between = tcp(8443, "worker, ingester to engine-proxy", group_name=["answers-gpu"], group_desc="The GPU host")
    back = {**between, "group_name": ["answers-app"], "group_desc": "The application host"}
    assert [(each["rules"], each["rules_egress"]) for each in groups] == [([], [between]), ([back], []), ([], [])]


def test_rules_follow_every_port_of_the_settings() -> None:
    settings = hosts(
        engine_proxy={**TLS, "port": 9443},
        front_door={"http_port": 8080, "https_port": 8444},
        management={"ssh_port": 2222, "agent": "ssm"},
    )
    networks = {
        "browser": ("10.0.0.0/12",),
        "operator": ("10.9.0.0/16",),
        "timeserver": ("10.8.0.1/32", "169.254.169.123/32"),
        "cloud-metadata": ("169.254.169.254/32",),
    }
    app, gpu, _ = build_groups(build_topology(settings), networks, name="answers")
    assert [(each["from_port"], each["rule_desc"]) for each in app["rules"]] == [
        (8444, "browser to nginx"),
        (8080, "browser to nginx"),
        (2222, "operator to sshd"),
    ]
    assert [(each["from_port"], each["rule_desc"]) for each in gpu["rules"]] == [
        (2222, "operator to sshd"),
        (9443, "worker, ingester to engine-proxy"),
    ]
    clock = {**tcp(123, "timesync to timeserver", cidr_ip=["10.8.0.1/32"]), "proto": "udp"}
    assert [each for each in app["rules_egress"] if "cidr_ip" in each] == [clock]


def test_what_egress_allows_leaves_the_application_host_only() -> None:
    settings = hosts(egress={"allow": ["hooks.example.com:443", "mail.example.com:465"]})
    networks = {"destinations": ("10.7.0.0/16",), "resolver": ("10.6.0.2/32",)}
    app, gpu, _ = build_groups(build_topology(settings), networks, name="answers")
    assert [
        (each["proto"], each["from_port"], each["cidr_ip"]) for each in app["rules_egress"] if "cidr_ip" in each
    ] == [
        ("tcp", 443, ["10.7.0.0/16"]),
        ("tcp", 465, ["10.7.0.0/16"]),
        ("udp", 53, ["10.6.0.2/32"]),
        ("tcp", 53, ["10.6.0.2/32"]),
    ]
    assert gpu["rules_egress"] == []


@pytest.mark.parametrize(
    ("network", "problem"),
    [
        ("0.0.0.0/0", "0.0.0.0/0 is open to the world"),
        ("128.0.0.0/1", "128.0.0.0/1 is open to the world, or to much of it"),
        ("::/0", "Write an IPv4 network"),
        ("10.0.0.1/8", "has host bits set"),
        ("office", "Write an IPv4 network"),
    ],
)
def test_network_that_is_too_wide_or_none_is_refused(network: str, problem: str) -> None:
    with pytest.raises(RenderingError, match=rf"appliance_networks of browser: .*{problem}"):
        read_networks({"browser": [network]}, build_topology(hosts()))


@pytest.mark.parametrize("who", ["browsers", "nginx", "app"])
def test_networks_of_somebody_who_is_not_outside_are_refused(who: str) -> None:
    with pytest.raises(RenderingError, match=f"appliance_networks of {who}: the topology knows browser, "):
        read_networks({who: ["10.0.0.0/12"]}, build_topology(hosts(**AGENT)))


def test_network_that_is_not_in_a_list_is_refused() -> None:
    with pytest.raises(RenderingError, match="appliance_networks of browser: write a list"):
        read_networks({"browser": "10.0.0.0/12"}, build_topology(hosts()))


def run_command(document: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "appliance.rendering.security_groups"]
    return subprocess.run(
        command, input=json.dumps(document), capture_output=True, text=True, check=False, cwd=environment.REPOSITORY
    )


def test_command_completes_the_settings_and_prints_the_groups() -> None:
    networks = {who: list(where) for who, where in NETWORKS.items()}
    document = {"settings": AGENT, "networks": networks, "name": "answers", "prefix_lists": ["pl-1"]}
    result = run_command(document)
    assert result.returncode == 0, result.stderr
    topology = build_topology(hosts(**AGENT))
    assert json.loads(result.stdout) == {
        "schema_version": 1,
        "security_groups": build_groups(topology, NETWORKS, name="answers", prefix_lists=("pl-1",)),
    }


def test_command_refuses_other_layouts() -> None:
    result = run_command({"settings": {"layout": "embedded"}, "networks": {}, "name": "answers"})
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == "appliance_settings.layout is embedded; the playbooks install layout hosts.\n"


def test_firewall_lets_the_agent_out_to_what_the_inventory_names() -> None:
    addresses = {
        "app": ["10.20.0.4"],
        "gpu": ["10.20.0.5"],
        "cloud-endpoints": ["10.20.0.0/20"],
        "cloud-metadata": ["169.254.169.254/32"],
        "resolver": ["10.20.0.2/32"],
    }
    for place in ("app", "gpu"):
        ruleset = build_ruleset(build_site(AGENT, addresses), (place,))
        agents = [line.strip() for line in ruleset.splitlines() if "ssm-agent" in line]
        assert agents == [
            f'ip daddr {{ {where} }} {port} meta skuid "root" accept comment "ssm-agent -> {target}"'
            for where, port, target in (
                ("10.20.0.0/20", "tcp dport 443", "cloud-endpoints"),
                ("169.254.169.254/32", "tcp dport 80", "cloud-metadata"),
                ("10.20.0.2/32", "udp dport 53", "resolver"),
                ("10.20.0.2/32", "tcp dport 53", "resolver"),
            )
        ]
