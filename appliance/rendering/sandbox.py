"""What a unit is kept from: systemd's hardening, by what each component does. Pure.

Every unit starts from everything forbidden; a component's page of exceptions says what it needs and why.
"""

from pathlib import Path

from appliance.rendering import paths
from appliance.rendering.site import Site, data_path
from appliance.settings.model import Model
from appliance.topology import ENGINE, Component, list_engines

CLOSED: dict[str, str] = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateUsers": "yes",
    "PrivateIPC": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectProc": "invisible",
    "ProcSubset": "pid",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RemoveIPC": "yes",
    "KeyringMode": "private",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
    "SystemCallErrorNumber": "EPERM",
    "UMask": "0077",
    "LimitCORE": "0",
}
FORBIDDEN_CALLS = "~@privileged @resources"
# PyTorch writes machine code while it runs, pins threads to processors, reads what the machine has, and asks the kernel
# for its network interfaces.
COMPUTES = {
    "MemoryDenyWriteExecute": "no",
    "ProcSubset": "all",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
}
# CUDA's devices; a user namespace of its own keeps the driver from recognizing its clients.
USES_GPU = {"PrivateDevices": "no", "PrivateUsers": "no", "DevicePolicy": "closed", "DeviceAllow": "char-nvidia* rw"}
COMPUTING = frozenset({"engine", "embedder"})
# The proxy reads the GPUs' state, and the machine's.
SEES_GPU = frozenset({"engine", "embedder", "engine-proxy"})


def build_sandbox(site: Site, component: Component) -> list[tuple[str, str]]:
    """The directives, in order. A repeated name adds to what stands before, as systemd reads it."""
    directives = dict(CLOSED)
    forbidden = FORBIDDEN_CALLS
    if component.command in COMPUTING:
        directives |= COMPUTES
        forbidden = "~@privileged"
    if component.name == "engine-proxy":
        directives |= {"ProcSubset": "all"}
    if component.command in SEES_GPU and _may_use_gpu(site, component):
        directives |= USES_GPU
    lines = list(directives.items())
    position = next(index for index, (name, _) in enumerate(lines) if name == "SystemCallFilter") + 1
    lines.insert(position, ("SystemCallFilter", forbidden))
    return [*lines, *_list_peers(site, component), *_list_files(site, component)]


def _list_peers(site: Site, component: Component) -> list[tuple[str, str]]:
    """Whom the component talks to, by the topology: this machine, and the addresses of the others."""
    topology = site.topology
    others = [
        topology.component(flow.target if flow.source == component.name else flow.source)
        for flow in topology.flows
        if component.name in (flow.source, flow.target)
    ]
    if any(other.name == "destinations" for other in others):
        return []  # names, not addresses: the list is kept by egress itself, ports by the firewall
    networks = [network for other in others for network in site.networks(other)]
    allowed = " ".join(dict.fromkeys(["localhost", *map(str, networks)]))
    return [("IPAddressDeny", "any"), ("IPAddressAllow", allowed)]


def _list_files(site: Site, component: Component) -> list[tuple[str, str]]:
    """Of the data directory a unit sees its own part only, and its own pair of TLS files under the one name."""
    cache, hidden = data_path(site, "cache"), ("TemporaryFileSystem", f"{site.settings.data_dir}:ro")
    if component.user == "appliance":
        seen = " ".join(str(data_path(site, name)) for name in ("secrets", "static"))
        own = [("BindReadOnlyPaths", f"{seen} {_own_pair('application')}"), ("BindPaths", str(cache))]
        return [hidden, *own]
    private = component.user
    lines = [hidden, ("CacheDirectory", private), ("CacheDirectoryMode", "0700")]
    lines.append(("BindPaths", f"{Path('/var/cache') / private}:{cache}"))
    events = data_path(site, "events")
    if component.name == "engine-proxy":
        lines.append(("BindReadOnlyPaths", _own_pair("engine-proxy")))
        lines.append(("BindReadOnlyPaths", f"-{paths.ENGINE_EVENTS}:{events}"))
    if component.command == ENGINE:
        # Each looks into the others' models too: what they need is part of how the memory is divided.
        folders = dict.fromkeys(
            folder for model in list_engines(site.settings).values() for folder in list_folders(site, model)
        )
        lines.append(("BindReadOnlyPaths", " ".join(f"-{folder}" for folder in folders)))
        lines += [("LogsDirectory", paths.ENGINE_EVENTS.name), ("LogsDirectoryMode", "0755")]
        lines.append(("BindPaths", f"{paths.ENGINE_EVENTS}:{events}"))
    return lines


def _may_use_gpu(site: Site, component: Component) -> bool:
    """An engine by its own setting; the embedder and the proxy where any engine may."""
    engines = list_engines(site.settings)
    asked = [engines[component.name]] if component.name in engines else list(engines.values())
    return any(model.device != "cpu" for model in asked)


def list_folders(site: Site, model: Model) -> list[Path]:
    """What an engine reads: its model, where fetched ones lie if no path is named, and what is beside it."""
    return [model.path or data_path(site, "model"), *sorted(list_beside(model))]


def model_folder(site: Site) -> Path:
    """The folder that the engine reads models from: what ``model.path`` names, else where fetched ones lie."""
    return site.settings.model.path or data_path(site, "model")


def list_beside(model: Model) -> set[Path]:
    """What the engine reads beside its model: adapters, and the smaller model that guesses ahead."""
    draft = model.speculative.draft
    return {*model.adapters.values(), *([draft] if draft else [])}


def _own_pair(name: str) -> str:
    return f"{paths.PAIRS[name]}:{paths.OWN_PAIR}"
