"""Is an installed host what the topology says? Judged from what was observed on it; pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from appliance.rendering.systemd import unit_name
from appliance.topology import ENGINE

EVERY_ADDRESS = {"0.0.0.0", "*", "::", ""}  # noqa: S104 - compared, not bound
LOOPBACK = {"127.0.0.1", "::1", "127.0.0.53", "127.0.0.54"}
WORLD, GROUP = 0o007, 0o070
KEY_MODE = 0o640
# Time synchronization is the machine's beneath where the host is a container, and systemd does not start it there.
NOT_IN_CONTAINERS = frozenset({"systemd-timesyncd.service"})


def find_problems(observed: Mapping[str, Any], host: Mapping[str, Any]) -> list[str]:
    """``host`` is what :mod:`appliance.rendering.host` made for it."""
    return [
        *_judge_units(observed, host),
        *_judge_listeners(observed["listeners"], host),
        *_judge_files(observed["files"], host),
        *_judge_firewall(observed, host),
    ]


def _judge_units(observed: Mapping[str, Any], host: Mapping[str, Any]) -> list[str]:
    problems = [f"{unit} has failed." for unit in observed["failed_units"]]
    most = {unit["name"]: unit["most_exposure"] for unit in host["units"]}
    for name, unit in observed["units"].items():
        if name in NOT_IN_CONTAINERS and observed["container"]:
            continue
        if unit.get("ActiveState") != "active":
            problems.append(f"{name} is {unit.get('ActiveState', 'unknown')}, not active.")
        if unit.get("UnitFileState") not in ("enabled", "enabled-runtime", "static", "indirect"):
            problems.append(
                f"{name} does not start with the host: it is {unit.get('UnitFileState') or 'not installed'}."
            )
        if name in most and not (unit["exposure"] is not None and unit["exposure"] < most[name]):
            problems.append(f"{name} has an exposure of {unit['exposure']}; less than {most[name]} is required.")
    return problems


def _judge_listeners(listeners: Iterable[Mapping[str, Any]], host: Mapping[str, Any]) -> list[str]:
    """Exactly the topology's ports; on loopback, the engine's own processes find each other on any, and those of
    one model's machines in the network between them, which the firewall keeps for them."""
    expected = {_split(entry) for entry in host["listening"]}
    engines = {unit_name(component) for component in (ENGINE, *host.get("further_engines", ()))}
    found: set[tuple[str, int]] = set()
    problems = []
    for each in listeners:
        local = each["address"] in LOOPBACK
        place = (each["address"] if local else "0.0.0.0", each["port"])  # noqa: S104 - compared, not bound
        if each["transport"] == "udp":
            if not local and each["unit"] != "systemd-timesyncd.service":
                problems.append(f"UDP port {each['port']} is open to the network, by {each['unit'] or 'no unit'}.")
            continue
        if place in expected:
            found.add(place)
        elif not ((local or host["has_nodes"]) and each["unit"] in engines):
            problems.append(
                f"{each['address']}:{each['port']} listens, by {each['unit'] or 'no unit'}; no component does."
            )
    running = {(address, port) for address, port in expected}
    problems += [
        f"Nothing listens on {address}:{port}."
        for address, port in sorted(running - found)
        if not _is_optional(port, host)
    ]
    return problems


def _is_optional(port: int, host: Mapping[str, Any]) -> bool:
    """The engine's port, where there is no model."""
    return host["model"] is None and port == host["ports"]["engine"][0]["number"]


def _split(entry: str) -> tuple[str, int]:
    address, _, port = entry.rpartition(":")
    return address, int(port)


def _judge_files(files: Iterable[Mapping[str, Any]], host: Mapping[str, Any]) -> list[str]:
    """Secrets: for their user alone. Keys: for root, and the group that uses them. Nothing of ours for everybody to
    write."""
    problems = []
    for each in files:
        path, mode = each["path"], each["mode"]
        if path.startswith(host["paths"]["secrets"]):
            if mode & (WORLD | GROUP) or each["user"] != "appliance":
                problems.append(f"{path} has mode {mode:04o} and belongs to {each['user']}; it is appliance's alone.")
        elif path.endswith("key.pem") and (mode & ~KEY_MODE or each["user"] != "root"):
            problems.append(f"{path} has mode {mode:04o} and belongs to {each['user']}; 0640 and root are right.")
        elif path.endswith("first-administrator.json") and mode & (WORLD | GROUP):
            problems.append(f"{path} has mode {mode:04o}; it is root's alone.")
        elif mode & 0o002:
            problems.append(f"{path} can be written by everybody.")
    return problems


def _judge_firewall(observed: Mapping[str, Any], host: Mapping[str, Any]) -> list[str]:
    problems = []
    if observed["firewall"] != host["firewall"]:
        problems.append(f"{host['paths']['firewall']} is not what the topology says.")
    open_hooks = sorted({"input", "output", "forward"} - set(observed["firewall_drops"]))
    problems += [f"The firewall's {hook} does not drop what no rule names." for hook in open_hooks]
    problems += [f"{attempt}: nothing on this host may." for attempt in observed["reached"]]
    return problems
