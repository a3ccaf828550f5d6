"""What an audit finds on a host that is not what the topology says."""

from typing import Any

import pytest

from appliance.hosts.audit import find_problems
from appliance.hosts.gather import choose_unit
from appliance.rendering.host import build_host
from tests.unit.rendering.sites import ADDRESSES, settings

HOST = build_host(settings(), ADDRESSES, "app")
RUNNING = {"ActiveState": "active", "UnitFileState": "enabled", "exposure": 1.2}


def listener(address: str, port: int, unit: str = "", transport: str = "tcp") -> dict[str, Any]:
    return {"transport": transport, "address": address, "port": port, "unit": unit}


def file(path: str, mode: int, user: str) -> dict[str, Any]:
    return {"path": path, "mode": mode, "user": user}


def observe(**different: Any) -> dict[str, Any]:
    """What is seen on a host that is right, with what is different."""
    right = {
        "units": {unit["name"]: RUNNING for unit in HOST["units"]},
        "failed_units": [],
        "listeners": [listener(*_split(entry)) for entry in HOST["listening"]],
        "files": [
            file("/var/lib/appliance/secrets", 0o700, "appliance"),
            file("/var/lib/appliance/secrets/redis", 0o600, "appliance"),
            file("/etc/appliance/tls/application/key.pem", 0o640, "root"),
            file("/etc/appliance/appliance.yaml", 0o644, "root"),
        ],
        "firewall": HOST["firewall"],
        "firewall_drops": ["input", "output", "forward"],
        "reached": [],
        "container": False,
    }  # fmt: skip
    return right | different


def _split(entry: str) -> tuple[str, int]:
    address, _, port = entry.rpartition(":")
    return address, int(port)


def with_unit(**different: Any) -> dict[str, Any]:
    return observe(units={**observe()["units"], "appliance-web.service": RUNNING | different})


def test_host_that_is_right_has_no_findings() -> None:
    assert find_problems(observe(), HOST) == []


def test_sshd_on_both_kinds_of_address_is_one_port() -> None:
    both = [*observe()["listeners"], listener("::", 22, "ssh.service")]
    assert find_problems(observe(listeners=both), HOST) == []


@pytest.mark.parametrize(
    ("observed", "said"),
    [
        (with_unit(ActiveState="failed"), "appliance-web.service is failed, not active."),
        (with_unit(UnitFileState="disabled"), "appliance-web.service does not start with the host: it is disabled."),
        (with_unit(exposure=3.1), "appliance-web.service has an exposure of 3.1; less than 3.0 is required."),
        (with_unit(exposure=None), "appliance-web.service has an exposure of None; less than 3.0 is required."),
        (observe(failed_units=["other.service"]), "other.service has failed."),
        (observe(listeners=[*observe()["listeners"], listener("0.0.0.0", 9999, "x.service")]),
         "0.0.0.0:9999 listens, by x.service; no component does."),
        (observe(listeners=[*observe()["listeners"], listener("127.0.0.1", 9999)]),
         "127.0.0.1:9999 listens, by no unit; no component does."),
        (observe(listeners=[*observe()["listeners"], listener("0.0.0.0", 8400)]),
         "0.0.0.0:8400 listens, by no unit; no component does."),
        (observe(listeners=[each for each in observe()["listeners"] if each["port"] != 443]),
         "Nothing listens on 0.0.0.0:443."),
        (observe(listeners=[*observe()["listeners"], listener("0.0.0.0", 53, "dns.service", "udp")]),
         "UDP port 53 is open to the network, by dns.service."),
        (observe(files=[file("/var/lib/appliance/secrets/redis", 0o640, "appliance")]),
         "/var/lib/appliance/secrets/redis has mode 0640 and belongs to appliance; it is appliance's alone."),
        (observe(files=[file("/var/lib/appliance/secrets/redis", 0o600, "root")]),
         "/var/lib/appliance/secrets/redis has mode 0600 and belongs to root; it is appliance's alone."),
        (observe(files=[file("/etc/appliance/tls/own/key.pem", 0o644, "root")]),
         "/etc/appliance/tls/own/key.pem has mode 0644 and belongs to root; 0640 and root are right."),
        (observe(files=[file("/etc/appliance/first-administrator.json", 0o640, "root")]),
         "/etc/appliance/first-administrator.json has mode 0640; it is root's alone."),
        (observe(files=[file("/opt/appliance/x", 0o666, "root")]), "/opt/appliance/x can be written by everybody."),
        (observe(firewall="table inet other {}"), "/etc/nftables.conf is not what the topology says."),
        (observe(firewall_drops=["input", "forward"]), "The firewall's output does not drop what no rule names."),
        (observe(reached=["root reached 192.0.2.1:443"]), "root reached 192.0.2.1:443: nothing on this host may."),
    ],
)  # fmt: skip
def test_each_fault_is_found(observed: dict[str, Any], said: str) -> None:
    assert find_problems(observed, HOST) == [said]


def test_time_synchronization_is_required_where_it_can_run() -> None:
    stopped = {"systemd-timesyncd.service": {"ActiveState": "inactive", "UnitFileState": "enabled", "exposure": 2.0}}
    units = {**observe()["units"], **stopped}
    assert find_problems(observe(units=units), HOST) == ["systemd-timesyncd.service is inactive, not active."]
    assert find_problems(observe(units=units, container=True), HOST) == []


def test_engines_own_processes_may_meet_on_loopback() -> None:
    gpu = build_host(settings(), ADDRESSES, "gpu")
    seen = [listener(*_split(entry)) for entry in gpu["listening"]]
    units = {unit["name"]: RUNNING for unit in gpu["units"]}
    meeting = [*seen, listener("127.0.0.1", 40001, "appliance-engine.service")]
    right = observe(units=units, firewall=gpu["firewall"], listeners=meeting)
    assert find_problems(right, gpu) == []
    assert find_problems(
        right | {"listeners": [*seen, listener("0.0.0.0", 40001, "appliance-engine.service")]}, gpu
    ) == ["0.0.0.0:40001 listens, by appliance-engine.service; no component does."]


@pytest.mark.parametrize(
    ("present", "chosen"),
    [
        ({"redis-server.service"}, "redis-server.service"),
        ({"valkey-server.service", "redis-server.service"}, "valkey-server.service"),
        (set(), "valkey-server.service"),
    ],
)
def test_service_that_is_not_installed_is_asked_for_all_the_same(present: set[str], chosen: str) -> None:
    assert choose_unit(HOST["packaged"]["redis"], present) == chosen
