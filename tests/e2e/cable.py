"""A second machine and the cable to it: a network namespace and a veth pair, which only root can make."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

HERE, THERE, PREFIX_LENGTH = "10.231.77.1", "10.231.77.2", 30


@dataclass(frozen=True)
class Cable:
    """``inside`` goes before a command that is to run on the other machine, whose address is ``address``."""

    namespace: str
    interface: str
    address: str = THERE

    @property
    def inside(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.namespace)

    def pull(self) -> None:
        _ip("link", "set", self.interface, "down")

    def plug_in(self) -> None:
        _ip("link", "set", self.interface, "up")


@contextmanager
def second_machine() -> Iterator[Cable]:
    """Gone when the block ends, with all that runs in it."""
    name = f"appl{os.getpid() % 100000}"
    cable = Cable(name, f"{name}h")
    _ip("netns", "add", name)
    try:
        _ip("link", "add", cable.interface, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("address", "add", f"{HERE}/{PREFIX_LENGTH}", "dev", cable.interface)
        cable.plug_in()
        for command in (("address", "add", f"{THERE}/{PREFIX_LENGTH}", "dev", "eth0"), ("link", "set", "eth0", "up")):
            _ip("-n", name, *command)
        _ip("-n", name, "link", "set", "lo", "up")
        yield cable
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
