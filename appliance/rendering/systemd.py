"""Unit files for an installed appliance: one for each component that we run, and a target for all of them."""

from dataclasses import dataclass

from appliance.programs import Installation, Program, build_installed_programs
from appliance.rendering import paths
from appliance.rendering.sandbox import build_sandbox
from appliance.rendering.site import Site
from appliance.topology import ENGINE, Component, Topology

TARGET = "appliance.target"
HEADER = "# Written by the playbooks from the appliance's topology; edits are overwritten."
# Whose services the distribution calls what; more than one name where distributions differ.
PACKAGED = {
    "postgres": ("postgresql.service",),
    "redis": ("valkey-server.service", "redis-server.service"),
    "nginx": ("nginx.service",),
    "sshd": ("ssh.service",),
    "timesync": ("systemd-timesyncd.service",),
}
RESTART_SECONDS = {"engine": 10}
# At each start, as root: is the firewall there? Requires=nftables.service would stop the site whenever somebody stops
# or restarts that unit, and would not try again after it failed at boot; this leaves alone what runs, and waits.
FILTERED = "+/bin/sh -c '/usr/sbin/nft list chain inet appliance input >/dev/null'"
FIREWALL = "nftables.service"
# Of the distribution's services only the front door listens to the network; SSH stays open for whoever mends a host.
GUARDED = {"nginx": "nginx.service.d/appliance.conf"}
INSTALLATION = Installation(root=paths.CODE, config=paths.CONFIG, python=paths.WEBAPP_PYTHON)


@dataclass(frozen=True)
class Unit:
    """``component`` is its name in the topology, ``command`` what kind it is; ``name`` is the file's."""

    component: str
    command: str
    name: str
    user: str
    text: str


def unit_name(component: str) -> str:
    return f"appliance-{component}.service"


def build_units(site: Site, places: tuple[str, ...]) -> tuple[Unit, ...]:
    """The units of the host that has these places, in the order in which they start."""
    programs = build_installed_programs(
        site.settings, site.topology, INSTALLATION, inference_python=paths.INFERENCE_PYTHON
    )
    units = []
    for program in programs:
        component = site.topology.component(program.name)
        if set(component.places) & set(places) and (component.name != ENGINE or has_model(site)):
            units.append(
                Unit(
                    component.name,
                    component.command,
                    unit_name(component.name),
                    component.user,
                    _build(site, component, program),
                )
            )
    return tuple(units)


def has_model(site: Site) -> bool:
    """Without a model there is no engine to start, and answers are passages."""
    return site.settings.model.path is not None or site.settings.model.hub_id is not None


def build_target() -> str:
    return "\n".join(
        [HEADER, "[Unit]", "Description=The LLM appliance", "", "[Install]", "WantedBy=multi-user.target", ""]
    )


def build_guards(places: tuple[str, ...], topology: Topology) -> dict[str, str]:
    """What is added to the distribution's units, by the name of its file below the folder of units."""
    lines = [HEADER, "[Unit]", f"After={FIREWALL}", "StartLimitIntervalSec=0", "", "[Service]",
             f"ExecStartPre={FILTERED}", "Restart=on-failure", "RestartSec=3", ""]  # fmt: skip
    return {
        file: "\n".join(lines) for name, file in GUARDED.items() if set(topology.component(name).places) & set(places)
    }


def _build(site: Site, component: Component, program: Program) -> str:
    before = " ".join(["network-online.target", FIREWALL, *_list_needed(site, component)])
    lines = [
        HEADER,
        "[Unit]",
        f"Description=LLM appliance: {component.description.split(':')[0].rstrip('.')}",
        f"PartOf={TARGET}",
        f"After={before}",
        "Wants=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        f"User={component.user}",
        f"Group={component.user}",
        f"ExecStartPre={FILTERED}",
        f"ExecStart={' '.join(quote(word) for word in program.argv)}",
        *(f"Environment={quote(f'{name}={value}', expands=False)}" for name, value in _environment(program).items()),
        "WorkingDirectory=/",
        "Restart=always",
        *(() if program.final_code is None else (f"RestartPreventExitStatus={program.final_code}",)),
        f"RestartSec={RESTART_SECONDS.get(component.command, 3)}",
        f"KillSignal=SIG{program.stop_signal}",
        f"KillMode={'control-group' if program.stops_group else 'mixed'}",
        f"TimeoutStopSec={program.stop_seconds}",
        *(f"{name}={value}" for name, value in build_sandbox(site, component)),
        "",
        "[Install]",
        f"WantedBy={TARGET}",
        "",
    ]
    return "\n".join(lines)


def _list_needed(site: Site, component: Component) -> list[str]:
    """The services that this component talks to, where they run on the same host."""
    needed: list[str] = []
    for flow in site.topology.flows:
        target = site.topology.component(flow.target)
        if flow.source == component.name and set(target.places) & set(component.places):
            needed += PACKAGED.get(target.name, (unit_name(target.name),))
    return list(dict.fromkeys(needed))


def _environment(program: Program) -> dict[str, str]:
    """The code is installed, so nothing is put on Python's path: what a unit imports is what was installed for it."""
    closed = {name: value for name, value in program.env.items() if name != "PYTHONPATH"}
    return {**closed, "PYTHONSAFEPATH": "1"}


def quote(word: str, *, expands: bool = True) -> str:
    """One word as systemd reads it, with nothing expanded; variables would be in commands, not in assignments."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if expands:
        escaped = escaped.replace("$", "$$")
    return f'"{escaped}"' if not word or set(word) & set(" \t'\"\\;#") else escaped
