"""Real hosts: Debian's own systemd in a container of its own, with its own network, reached by SSH like any server."""

import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.install.ground import BUILD
from tests.install.namespace import BRIDGE, Namespace
from tests.install.site import ADDRESSES, CONTROLLER, PUBLIC_NAME
from tests.install.trees import ensure_tree

BOOT_SECONDS = 120
ASKS_FOR_RESTART = 133  # systemd-nspawn's exit when the system inside reboots


@dataclass
class BootedHost:
    """``place`` names it: its machine, its host name and its folder. Rebooting gives it a new leader."""

    place: str
    suite: str
    network: Namespace
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def tree(self) -> Path:
        return BUILD / "hosts" / self.place

    @property
    def address(self) -> str:
        return ADDRESSES[self.place]

    @property
    def link(self) -> str:
        """The end of its cable at the bridge."""
        return f"vb-{self.place}"

    def prepare(self, public_key: str) -> None:
        """A bare system as IT hands it over: named, addressed, with a key to come in by; nobody's names yet."""
        shutil.rmtree(self.tree, ignore_errors=True)
        self.tree.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--archive", "--reflink=auto", str(ensure_tree(self.suite)), str(self.tree)], check=True)
        subprocess.run(["chroot", str(self.tree), "ssh-keygen", "-A"], check=True, capture_output=True)
        (self.tree / "etc" / "hostname").write_text(f"{self.place}\n")
        (self.tree / "etc" / "resolv.conf").write_text("")
        network = self.tree / "etc" / "systemd" / "network" / "10-host0.network"
        network.parent.mkdir(parents=True, exist_ok=True)
        network.write_text(f"[Match]\nName=host0\n[Network]\nAddress={self.address}/24\nGateway={CONTROLLER}\n")
        wants = self.tree / "etc" / "systemd" / "system" / "multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / "systemd-networkd.service").symlink_to("/lib/systemd/system/systemd-networkd.service")
        keys = self.tree / "root" / ".ssh"
        keys.mkdir(mode=0o700, exist_ok=True)
        (keys / "authorized_keys").write_text(public_key)
        self.write_names("127.0.0.1 localhost\n")

    def write_names(self, text: str) -> None:
        (self.tree / "etc" / "hosts").write_text(text)

    def learn_names(self) -> None:
        """What a site without a name server has."""
        lines = [f"{address} {place}" for place, address in ADDRESSES.items()]
        self.write_names("\n".join(["127.0.0.1 localhost", *lines, f"{ADDRESSES['app']} {PUBLIC_NAME}", ""]))

    def boot(self) -> None:
        log = (BUILD / f"{self.place}.log").open("wb")
        command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", f"--network-bridge={BRIDGE}"]
        command += ["--machine", self.place, "--directory", str(self.tree), "--console=pipe"]
        with log:
            self._process = subprocess.Popen(
                self.network.enter(*command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self.wait_until_running()

    def find_leader(self) -> int | None:
        """The pid, outside, of the host's init."""
        assert self._process is not None
        try:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        except FileNotFoundError:
            return None
        return int(children[0]) if children else None

    def run(self, *argv: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """As root on the host, from outside: for what a test does to a host, not for installing."""
        leader = self.find_leader()
        command = ["nsenter", "--target", str(leader), "--all", "--", *argv]
        return subprocess.run(command, check=check, capture_output=True, text=True)

    def wait_until_running(self) -> None:
        """Until systemd is done starting: running, or degraded when a unit has failed."""
        deadline = time.monotonic() + BOOT_SECONDS
        state = ""
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"{self.place} did not boot; see {BUILD / f'{self.place}.log'}")
            if self.find_leader() is not None:
                state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
                if state in ("running", "degraded"):
                    return
            time.sleep(0.5)
        raise RuntimeError(f"{self.place} is {state or 'not up'} after {BOOT_SECONDS} seconds")

    def reboot(self) -> None:
        """It goes down by itself, asks to be started again by its exit, and is."""
        assert self._process is not None
        self.run("systemctl", "reboot", check=False)
        assert self._process.wait(BOOT_SECONDS) == ASKS_FOR_RESTART
        self.boot()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            if (leader := self.find_leader()) is not None:
                subprocess.run(["kill", "-KILL", str(leader)], check=False)
            self._process.wait(30)
        shutil.rmtree(self.tree, ignore_errors=True)
