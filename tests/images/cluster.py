"""Pods on a network of their own that has no way out, each at an address."""

import ipaddress
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.images.ground import BUILD
from tests.images.kubelet import Kubelet
from tests.images.playable import MEMORY, Playable
from tests.images.podman import Podman, PodmanError

FIRST_ADDRESS = 10
OURS = -2  # the last address of the network: this machine's, which stands where the ingress controller would


@dataclass
class Cluster:
    """Where Pods run. ``network`` is gone, with all of them, when the block of :func:`running_cluster` ends."""

    podman: Podman
    network: str
    subnet: ipaddress.IPv4Network
    played: dict[str, Playable] = field(default_factory=dict)

    @property
    def ingress_address(self) -> str:
        return str(self.subnet[OURS])

    def build_addresses(self, names: list[str]) -> dict[str, str]:
        """An address for each name."""
        return {name: str(self.subnet[FIRST_ADDRESS + index]) for index, name in enumerate(names)}

    def play(self, pod: Playable, address: str) -> None:
        """Start it; its init containers have ended well when this returns. Raises :class:`PodmanError`."""
        path = BUILD / "pods" / f"{pod.name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pod.text, encoding="utf-8")
        path.chmod(0o600)
        self.played[pod.name] = pod
        for name, size in pod.list_in_memory().items():
            (MEMORY / name).mkdir(parents=True, exist_ok=True)
            options = f"size={size.removesuffix('i')},mode=1777,nosuid,nodev"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(MEMORY / name)], check=True)
        self.podman.run("kube", "play", "--network", self.network, "--ip", address, str(path))

    def wait_until_ready(self, pod: Playable, address: str) -> None:
        Kubelet(self.podman).wait_until_ready(pod, address)

    def wait_until_done(self, pod: Playable) -> None:
        """For a Job's Pod. Raises :class:`PodmanError` when a container did not end well."""
        for container in pod.template["spec"]["containers"]:
            name = f"{pod.name}-{container['name']}"
            code = self.podman.run("wait", name).strip()
            if code != "0":
                raise PodmanError(f"{name} ended with {code}:\n{self.read_log(name)}")

    def read_log(self, container: str) -> str:
        command = self.podman.build_command("logs", "--tail", "60", container)
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        return done.stdout + done.stderr

    def list_containers(self) -> dict[str, int]:
        """The pid of every running container of a Pod, by name, podman's own left out."""
        listing = json.loads(self.podman.run("ps", "--format", "json"))
        return {each["Names"][0]: each["Pid"] for each in listing if not each["IsInfra"]}

    def describe(self) -> str:
        """The end of every container's log, for a test that failed."""
        names = [each["Names"][0] for each in json.loads(self.podman.run("ps", "--all", "--format", "json"))]
        return "\n".join(f"--- {name}\n{self.read_log(name)}" for name in names if not name.endswith("-infra"))


@contextmanager
def running_cluster(podman: Podman) -> Iterator[Cluster]:
    clean(podman)
    network = f"appliance-{os.getpid()}"
    podman.run("network", "create", "--internal", network)
    try:
        (described,) = json.loads(podman.run("network", "inspect", network))
        cluster = Cluster(podman, network, ipaddress.IPv4Network(described["subnets"][0]["subnet"]))
        yield cluster
    finally:
        clean(podman)


def clean(podman: Podman) -> None:
    """Remove every Pod, volume, secret, network and tmpfs of this storage; the images stay."""
    podman.run("pod", "rm", "--all", "--force", "--time", "0")
    podman.run("volume", "prune", "--force")
    for secret in podman.run("secret", "ls", "--quiet").split():
        podman.run("secret", "rm", secret)
    for network in json.loads(podman.run("network", "ls", "--format", "json")):
        if network["name"] != "podman":
            podman.run("network", "rm", "--force", network["name"])
    for folder in MEMORY.glob("*"):
        if folder.is_mount():
            subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
    for path in Path(BUILD / "pods").glob("*.yaml"):
        path.unlink()


def stand_at_the_door(cluster: Cluster) -> None:
    """Give this machine an address on the Pods' network; the bridge is there as soon as one Pod is."""
    (described,) = json.loads(cluster.podman.run("network", "inspect", cluster.network))
    bridge, prefix = described["network_interface"], cluster.subnet.prefixlen
    subprocess.run(["ip", "address", "replace", f"{cluster.ingress_address}/{prefix}", "dev", bridge], check=True)
