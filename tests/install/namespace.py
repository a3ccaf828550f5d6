"""A network of its own, with no way out: a bridge in a network namespace, which the controller is in too."""

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.install.site import CONTROLLER, NEIGHBOR, OUTSIDE

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
BRIDGE = "br0"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass(frozen=True)
class Namespace:
    """One network namespace."""

    name: str

    @property
    def path(self) -> Path:
        return Path("/run/netns") / self.name

    def enter(self, *argv: str) -> list[str]:
        """The command line that runs ``argv`` in it."""
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, *argv: str) -> str:
        return subprocess.run(self.enter(*argv), check=True, capture_output=True, text=True).stdout

    def call(self, function: Callable[[], T]) -> T:
        """Call it in a thread that is in this namespace: what it connects to is found here."""
        result: list[T] = []
        problems: list[BaseException] = []

        def inside() -> None:
            try:
                with self.path.open() as handle:
                    if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), f"{self.path} cannot be entered")
                result.append(function())
            except BaseException as problem:  # noqa: BLE001 - handed over to the thread that asked
                problems.append(problem)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if problems:
            raise problems[0]
        return result[0]

    def set_link(self, name: str, state: str) -> None:
        """``down`` is a pulled cable."""
        self.run("ip", "link", "set", name, state)


@contextmanager
def private_network() -> Iterator[tuple[Namespace, Namespace]]:
    """The controller's namespace with the bridge, and a neighbour's on the same bridge, who is nobody."""
    network = Namespace(f"install-{os.getpid()}")
    neighbor = Namespace(f"install-{os.getpid()}-n")
    made = []
    try:
        for namespace in (network, neighbor):
            ip("netns", "add", namespace.name)
            made.append(namespace)
            namespace.run("ip", "link", "set", "lo", "up")
        network.run("ip", "link", "add", BRIDGE, "type", "bridge")
        network.run("ip", "address", "add", f"{CONTROLLER}/24", "dev", BRIDGE)
        network.run("ip", "address", "add", f"{OUTSIDE}/32", "dev", BRIDGE)
        network.run("ip", "link", "set", BRIDGE, "up")
        network.run("ip", "link", "add", "neighbor", "type", "veth", "peer", "name", "eth0", "netns", neighbor.name)
        network.run("ip", "link", "set", "neighbor", "master", BRIDGE, "up")
        neighbor.run("ip", "address", "add", f"{NEIGHBOR}/24", "dev", "eth0")
        neighbor.run("ip", "link", "set", "eth0", "up")
        yield network, neighbor
    finally:
        for namespace in made:
            ip("netns", "delete", namespace.name)
