"""The site that the tests of this tier share, and what they look at and do to its hosts."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.hosts import scan
from appliance.hosts.asking import Browser
from appliance.rendering import paths
from appliance.rendering.host import choose_model
from appliance.rendering.site import Site, build_site
from tests.install.booting import BootedHost
from tests.install.namespace import Namespace
from tests.install.playbooks import Controller
from tests.install.site import ADDRESSES, MODEL, OUTSIDE, PUBLIC_NAME

OUTSIDE_PORT = 443


@dataclass
class InstalledSite:
    """What the tests share; ``reached`` says how far they have got, because each builds on the one before."""

    network: Namespace
    neighbor: Namespace
    hosts: dict[str, BootedHost]
    controller: Controller
    reached: set[str] = field(default_factory=set)

    def require(self, stage: str) -> None:
        if stage not in self.reached:
            pytest.fail(f"the site is not {stage}: a test before this one failed", pytrace=False)

    def read_inventory(self) -> Site:
        variables = self.controller.build_inventory(Path("known_hosts"))["all"]["vars"]
        settings = choose_model(variables["appliance_settings"], model=MODEL, device="cpu")
        return build_site(
            settings, {name: [address] for name, address in ADDRESSES.items()} | variables["appliance_networks"]
        )

    def manage(self, *arguments: str) -> str:
        """A command of the application on its host."""
        command = ("runuser", "-u", "appliance", "--", "env", "-i", f"APPLIANCE_CONFIG={paths.CONFIG}",
                   str(paths.WEBAPP_PYTHON), "-P", "-m", "webapp.manage", *arguments)  # fmt: skip
        return self.hosts["app"].run(*command).stdout

    @contextmanager
    def logged_in(self) -> Iterator[Browser]:
        """A browser on the controller's network, logged in; use it inside ``network.call``."""
        account = json.loads(self.manage("verification_account", "open"))
        browser = Browser(ADDRESSES["app"], 443, PUBLIC_NAME, str(self.controller.authority))
        self.network.call(lambda: browser.log_in(account["username"], account["password"]))
        yield browser
        self.manage("verification_account", "close")


def list_open(namespace: Namespace, address: str) -> list[int]:
    """Every TCP port that is open when looked at from there."""
    return namespace.call(lambda: scan.scan(address, scan.ALL_PORTS))


def find_changes(host: BootedHost) -> set[str]:
    """Every file that a look at a host could have left behind."""
    listed = host.run(
        "find", "/etc", "/opt", "/usr", "/var/lib", "/root", "-xdev", "-newer", "/etc/hostname", "-type", "f"
    )
    return set(listed.stdout.split())


def can_reach(host: BootedHost, user: str) -> bool:
    program = f"import socket; socket.create_connection(({OUTSIDE!r}, {OUTSIDE_PORT}), timeout=3)"
    return host.run("runuser", "-u", user, "--", "python3", "-c", program, check=False).returncode == 0


@contextmanager
def listening_outside(site: InstalledSite) -> Iterator[None]:
    """A server on an address that is not the site's, to which every host has a route."""

    def listen() -> socket.socket:
        return socket.create_server((OUTSIDE, OUTSIDE_PORT), backlog=64)

    with closing(site.network.call(listen)):
        yield


@contextmanager
def occupied(host: BootedHost, port: int) -> Iterator[None]:
    """Some other program has the port."""
    host.run("systemd-run", "--unit=squatter", "--quiet", "python3", "-m", "http.server", str(port))
    time.sleep(1)
    yield
    host.run("systemctl", "stop", "squatter.service")


def wait_until_ready(site: InstalledSite) -> None:
    """Until the last to start, the engine, answers on its host."""
    program = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8410/health', timeout=3)"
    deadline = time.monotonic() + 600
    while site.hosts["gpu"].run("python3", "-c", program, check=False).returncode != 0:
        assert time.monotonic() < deadline, (
            site.hosts["gpu"].run("journalctl", "-u", "appliance-engine", "-n", "40").stdout
        )
        time.sleep(2)


@contextmanager
def slow_line(host: BootedHost) -> Iterator[None]:
    """What the host sends leaves it at 20 kB a second: an answer is under way for seconds however quick the machines
    are, and nothing of it waits at the reader's end."""
    host.run("tc", "qdisc", "add", "dev", "host0", "root", "tbf", "rate", "160kbit", "burst", "4kb", "latency", "2s")
    try:
        yield
    finally:
        host.run("tc", "qdisc", "delete", "dev", "host0", "root")


def read_main_pids(site: InstalledSite) -> dict[str, str]:
    """Of every unit of ours."""
    found = {}
    for place, host in site.hosts.items():
        listed = host.run("systemctl", "list-units", "appliance-*.service", "--plain", "--no-legend").stdout
        for line in listed.splitlines():
            unit = line.split()[0]
            found[f"{place} {unit}"] = host.run(
                "systemctl", "show", unit, "--property=MainPID", "--value"
            ).stdout.strip()
    return {unit: f"{unit.split()[0]} {pid}" for unit, pid in found.items()}
