"""The firewall as text: whole, and what it does when a port or a host moves."""

import re
import subprocess
from typing import Any

import pytest

from appliance.rendering.nftables import build_ruleset
from appliance.rendering.site import PLACES, RenderingError, Site, build_site
from tests.unit.rendering.sites import ADDRESSES, one_host, settings, two_hosts

GPU_HOST = """\
# Written by the playbooks from the appliance's topology; edits are overwritten.
flush ruleset

table inet appliance {
    counter refused_in {}
    counter refused_out {}

    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iif "lo" accept comment "kept by the rules of those who send"
        ip protocol icmp icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
        icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
        ip saddr { 192.0.2.5/32 } tcp dport 22 accept comment "operator -> sshd"
        ip saddr { 192.0.2.10/32 } tcp dport 8443 accept comment "worker -> engine-proxy"
        ip saddr { 192.0.2.10/32 } tcp dport 8443 accept comment "ingester -> engine-proxy"
        counter name refused_in drop
    }

    chain forward {
        type filter hook forward priority filter; policy drop;
    }

    chain output {
        type filter hook output priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        oif "lo" meta skuid 0 accept comment "root, which could change this file"
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
        oif "lo" tcp dport 8420 meta skuid "appliance-proxy" accept comment "engine-proxy -> embedder"
        oif "lo" tcp dport 8410 meta skuid "appliance-proxy" accept comment "engine-proxy -> engine"
        oif "lo" tcp dport 32768-60999 meta skuid "appliance-engine" accept comment "the engine's own processes"
        ip daddr { 192.0.2.3/32 } udp dport 123 meta skuid "systemd-timesync" accept comment "timesync -> timeserver"
        counter name refused_out drop
    }
}
"""


def test_ruleset_of_a_gpu_host_is_exactly_this() -> None:
    assert build_ruleset(two_hosts(), ("gpu",)) == GPU_HOST


def test_every_chain_drops_what_no_flow_names() -> None:
    text = build_ruleset(two_hosts(), ("app",))
    assert re.findall(r"hook (\w+) priority filter; policy (\w+);", text) == [
        ("input", "drop"), ("forward", "drop"), ("output", "drop"),
    ]  # fmt: skip


def test_nobody_gets_in_whom_the_inventory_does_not_place() -> None:
    assert "monitoring" not in build_ruleset(two_hosts(), ("gpu",))


def test_web_application_enters_the_network_to_the_proxy_only() -> None:
    leaving = [line for line in _output(two_hosts(), ("app",)) if 'oif "lo"' not in line and "skuid" in line]
    assert {re.sub(r" accept.*", "", line.strip()) for line in leaving} == {
        'ip daddr { 192.0.2.3/32 } udp dport 123 meta skuid "systemd-timesync"',
        'ip daddr { 192.0.2.20/32 } tcp dport 8443 meta skuid "appliance"',
    }


def test_nothing_leaves_for_outside_unless_the_list_names_it() -> None:
    assert "appliance-egress" not in "".join(_output(two_hosts(), ("app",)))
    opened = _output(two_hosts(egress={"allow": ["mail.example.com:465"]}), ("app",))
    assert any(
        line.strip().startswith('meta nfproto ipv4 tcp dport 465 meta skuid "appliance-egress" accept')
        for line in opened
    )


@pytest.mark.parametrize("place", PLACES)
def test_changed_port_is_followed(place: str) -> None:
    before = build_ruleset(two_hosts(), (place,))
    after = build_ruleset(two_hosts(engine_proxy={"port": 9443}), (place,))
    assert "8443" in before
    assert after == before.replace("8443", "9443")


def test_one_host_keeps_the_way_to_the_models_to_itself() -> None:
    text = build_ruleset(one_host(), PLACES)
    assert 'oif "lo" tcp dport 8443 meta skuid "appliance" accept' in text
    entering = text.split("chain forward")[0]
    assert "8443" not in entering


@pytest.mark.parametrize("places", [("app",), ("gpu",)])
def test_nft_accepts_the_ruleset(places: tuple[str, ...]) -> None:
    """In a namespace of its own, and by number: the users are the host's."""
    text = re.sub(r'"(?:appliance[\w-]*|www-data|systemd-timesync)"', "65534", build_ruleset(two_hosts(), places))
    command = ["unshare", "--map-root-user", "--net", "nft", "--check", "--file", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _output(site: Site, places: tuple[str, ...]) -> list[str]:
    return build_ruleset(site, places).split("chain output")[1].splitlines()


NODES = {"count": 2, "rank": 0, "head_address": "192.0.2.20", "address": "192.0.2.20", "interface": "ens5"}


def several_machines(**changes: Any) -> Site:
    model = {"tensor_parallel": 2, "nodes": {**NODES, **changes}}
    return build_site(settings(model=model), {**ADDRESSES, "engine-nodes": ["192.0.2.21"]})


def test_machines_that_hold_one_model_meet_and_nobody_else_does() -> None:
    lines = [line.strip() for line in build_ruleset(several_machines(), ("gpu",)).splitlines()]
    meeting = [line for line in lines if "29501" in line or ("32768-60999" in line)]
    assert meeting == [
        'ip saddr { 192.0.2.21/32 } tcp dport 29501 accept comment "engine-nodes -> engine"',
        'ip saddr { 192.0.2.21/32 } tcp dport 32768-60999 accept comment "engine-nodes -> engine"',
        (
            'oif "lo" tcp dport { 29501, 32768-60999 } meta skuid "appliance-engine" accept comment '
            '"the engine\'s own processes"'
        ),
        (
            'ip daddr { 192.0.2.21/32 } tcp dport 29501 meta skuid "appliance-engine" accept comment '
            '"engine -> engine-nodes"'
        ),
        (
            'ip daddr { 192.0.2.21/32 } tcp dport 32768-60999 meta skuid "appliance-engine" accept comment '
            '"engine -> engine-nodes"'
        ),
    ]
    assert "29501" not in build_ruleset(several_machines(), ("app",))


def test_machine_without_a_port_is_asked_by_no_proxy() -> None:
    text = build_ruleset(several_machines(rank=1, address="192.0.2.22"), ("gpu",))
    assert "engine-proxy -> embedder" in text
    assert 'engine-proxy -> engine"' not in text
    assert '"engine-nodes -> engine"' in text


def test_machines_of_one_model_need_addresses() -> None:
    with pytest.raises(RenderingError, match="appliance_networks names no engine-nodes"):
        build_site(settings(model={"tensor_parallel": 2, "nodes": NODES}), ADDRESSES)
