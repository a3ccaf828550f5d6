"""Is a host fit to be installed on? Everything that is wrong, at once; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

GIB = 2**30
# Beside the clocks' difference it holds the time between looking at a host and judging what was seen.
CLOCK_TOLERANCE_SECONDS = 65.0
WORKING_BYTES = 2 * GIB
# Debian 13 has PostgreSQL 17 with pgvector 0.8; PyTorch's CPU build is locked for Debian 12's Python.
SUPPORTED = {"app": ("13",), "gpu-cpu": ("12",), "gpu-cuda": ("12", "13")}
# What the installed files take, and room for data that will come.
NEEDED_BYTES = {
    "code": {"app": 2 * GIB, "gpu-cpu": 6 * GIB, "gpu-cuda": 16 * GIB},
    "data": {"app": 5 * GIB, "gpu": 2 * GIB},
}
NEEDED_MEMORY = {"app": 2 * GIB, "gpu-cpu": 6 * GIB, "gpu-cuda": 8 * GIB}
FEWEST_CPUS = 2
NO_DRIVER = (
    "There is no NVIDIA driver. Install the distribution's or NVIDIA's, or set inference_device: cpu if models are "
    "meant to run on the processor."
)


@dataclass(frozen=True)
class Needs:
    """What will be installed. ``ports`` maps a TCP port to the units that may have it already; the model is shared by
    ``gpus`` of each of ``nodes`` hosts; ``sharing``: why those of all hosts cannot share it."""

    places: tuple[str, ...]
    device: str
    names: tuple[str, ...]
    ports: Mapping[int, tuple[str, ...]]
    ssh_port: int
    operators: tuple[str, ...]
    code_path: str
    data_path: str
    set_path: str
    set_bytes: int
    model_bytes: int
    controller_time: float
    gpus: int = 1
    sharing: str = ""
    nodes: int = 1

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(f"gpu-{self.device}" if place == "gpu" else place for place in self.places)


def find_problems(facts: Mapping[str, Any], needs: Needs) -> list[str]:
    """A sentence for each thing that has to be different, with what to do."""
    return [
        *_judge_system(facts, needs),
        *_judge_processor(facts, needs),
        *_judge_memory(facts, needs),
        *_judge_disk(facts, needs),
        *_judge_clock(facts, needs),
        *_judge_names(facts, needs),
        *_judge_ports(facts, needs),
        *_judge_ssh(facts, needs),
        *(_judge_gpu(facts, needs) if "gpu-cuda" in needs.kinds else []),
    ]


def _judge_system(facts: Mapping[str, Any], needs: Needs) -> list[str]:
    problems = []
    allowed = set.intersection(*(set(SUPPORTED[kind]) for kind in needs.kinds))
    found = f"{facts['os_id']} {facts['os_version']}"
    if facts["os_id"] != "debian" or facts["os_version"] not in allowed:
        wanted = " or ".join(f"Debian {version}" for version in sorted(allowed)) or "two hosts, one for each"
        problems.append(f"The operating system is {found}; {' and '.join(needs.kinds)} needs {wanted}.")
    if facts["architecture"] != "x86_64":
        problems.append(f"The processor is {facts['architecture']}; the offline set is for x86_64.")
    if not facts["systemd"]:
        problems.append("systemd does not run here; the appliance's programs are its units.")
    return problems


def _judge_processor(facts: Mapping[str, Any], needs: Needs) -> list[str]:
    problems = []
    if facts["cpus"] < FEWEST_CPUS:
        problems.append(f"There is {facts['cpus']} processor; at least {FEWEST_CPUS} are needed.")
    if "gpu-cpu" in needs.kinds and "avx2" not in facts["cpu_flags"]:
        problems.append("The processor has no AVX2 instructions, which the engine needs on a CPU.")
    return problems


def _judge_memory(facts: Mapping[str, Any], needs: Needs) -> list[str]:
    wanted = sum(NEEDED_MEMORY[kind] for kind in needs.kinds)
    if needs.device == "cpu" and "gpu" in needs.places:
        wanted += needs.model_bytes
    # A machine sold as 8 GiB shows a little less.
    if facts["memory_bytes"] >= 0.94 * wanted:
        return []
    return [f"There are {facts['memory_bytes'] / GIB:.1f} GiB of memory; {wanted / GIB:.1f} GiB are needed."]


def _judge_disk(facts: Mapping[str, Any], needs: Needs) -> list[str]:
    """Paths on one file system share what is free there. What an earlier run put into them counts: it is replaced, or
    is what would be put there."""
    wanted = {needs.set_path: 2 * needs.set_bytes}
    wanted[needs.code_path] = sum(NEEDED_BYTES["code"][kind] for kind in needs.kinds)
    wanted[needs.data_path] = sum(NEEDED_BYTES["data"][place] for place in needs.places)
    if "gpu" in needs.places:
        wanted[needs.data_path] += needs.model_bytes
    problems = []
    for device in dict.fromkeys(facts["devices"][path] for path in wanted):
        here = [path for path in wanted if facts["devices"][path] == device]
        need, free = sum(wanted[path] for path in here), facts["free_bytes"][here[0]]
        need -= min(need, sum(facts["used_bytes"][path] for path in here))
        if free < need:
            problems.append(
                f"{free / GIB:.1f} GiB are free where {' and '.join(here)} will be; {need / GIB:.1f} GiB are needed."
            )
    return problems


def _judge_clock(facts: Mapping[str, Any], needs: Needs) -> list[str]:
    """In a container the clock is the machine's beneath, which alone can keep it right."""
    problems = []
    if abs(facts["unix_time"] - needs.controller_time) > CLOCK_TOLERANCE_SECONDS:
        apart = facts["unix_time"] - needs.controller_time
        problems.append(
            f"The clock is {apart:+.0f} seconds from this machine's. Certificates and sessions need it right."
        )
    if not facts["clock_synchronized"] and not facts["container"]:
        problems.append("The clock is not synchronised: name the site's time server in /etc/systemd/timesyncd.conf.")
    return problems


def _judge_names(facts: Mapping[str, Any], needs: Needs) -> list[str]:
    problems = []
    if not facts["host_name_resolves"]:
        problems.append("The host cannot resolve its own name: add it to /etc/hosts.")
    if "app" in needs.places:
        unknown = [name for name in needs.names if not facts["names"].get(name)]
        problems += [
            f"{name}, under which people reach the pages, does not resolve here: DNS or /etc/hosts." for name in unknown
        ]
    return problems


def _judge_ports(facts: Mapping[str, Any], needs: Needs) -> list[str]:
    problems = []
    for listener in facts["listeners"]:
        expected = needs.ports.get(listener["port"]) if listener["transport"] == "tcp" else None
        if expected is not None and listener["unit"] not in expected:
            owner = listener["unit"] or "a program that is no unit"
            problems.append(f"TCP port {listener['port']} is in use by {owner}; {expected[0]} needs it.")
    return list(dict.fromkeys(problems))


def _judge_ssh(facts: Mapping[str, Any], needs: Needs) -> list[str]:
    """The firewall lets operators in at the SSH server's port: whoever installs it must not lock themselves out."""
    if not needs.operators:  # a site that is managed through an agent
        return []
    listening = {each["port"] for each in facts["listeners"] if each["transport"] == "tcp"}
    if needs.ssh_port not in listening:
        wrong = f"Nothing listens on port {needs.ssh_port}, the only one that SSH is let in at"
        return [f"{wrong}: correct management.ssh_port in appliance_settings, or the SSH server."]
    networks = [ip_network(each) for each in needs.operators]
    if any(ip_address(peer) in network for peer in facts["ssh_peers"] for network in networks):
        return []
    peers = ", ".join(facts["ssh_peers"]) or "an address that is not to be seen"
    return [f"You come from {peers}, which is not in appliance_networks.operator: the firewall would lock you out."]


def _judge_gpu(facts: Mapping[str, Any], needs: Needs) -> list[str]:
    if not facts["driver"]:
        return [NO_DRIVER]
    if not facts["gpus"]:
        return ["The NVIDIA driver is there, but nvidia-smi shows no GPU. Run nvidia-smi on the host."]
    if needs.sharing:
        return [needs.sharing]
    if len(facts["gpus"]) < needs.gpus:
        return [f"The model is shared by {needs.gpus} GPUs of this host, and nvidia-smi shows {len(facts['gpus'])}."]
    shared = sorted((gpu["memory_mib"] * 2**20 for gpu in facts["gpus"]), reverse=True)[needs.gpus - 1]
    needed = needs.model_bytes / (needs.gpus * needs.nodes) + WORKING_BYTES
    if not needs.model_bytes or needed <= shared:
        return []
    each = "" if needs.gpus == 1 else f" on each of {needs.gpus} GPUs"
    found = f"the largest GPU has {shared / GIB:.1f} GiB" if needs.gpus == 1 else f"there are {shared / GIB:.1f} GiB"
    return [
        (
            f"The model needs about {needed / GIB:.1f} GiB of GPU memory{each}; {found}. Choose a smaller or quantised "
            "model."
        )
    ]
