"""Two real hosts, installed from an offline set by the playbooks, rebooted and audited. The tests run in this order.

Debian 13 is the app host; Debian 12 has the GPU's role, with vLLM's CPU build and an authored checkpoint that recites
one sentence with a citation: what is shown is the way from a browser over both hosts and back, not what a model can do.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.hosts import scan
from appliance.hosts.asking import Browser, summarize
from appliance.rendering import paths
from appliance.rendering.host import list_reachable
from tests.install.booting import BootedHost
from tests.install.collecting import HOSTS, collect
from tests.install.installed import (
    OUTSIDE_PORT,
    InstalledSite,
    can_reach,
    find_changes,
    list_open,
    listening_outside,
    occupied,
    read_main_pids,
    slow_line,
    wait_until_ready,
)
from tests.install.namespace import private_network
from tests.install.playbooks import Controller
from tests.install.site import ADDRESSES, CONTROLLER, MODEL, NEIGHBOR, OUTSIDE, PUBLIC_NAME

pytestmark = pytest.mark.timeout(2400)
TAKEN_PORT = 8443


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstalledSite]:
    started = time.monotonic()
    set_folder = collect()
    collected = time.monotonic()
    with private_network() as (network, neighbor):
        controller = Controller(network, tmp_path_factory.mktemp("controller"), set_folder)
        controller.note("collect the offline set", collected - started)
        key = controller.make_key()
        hosts = {host.place: BootedHost(host.place, host.suite, network) for host in HOSTS}
        try:
            for host in hosts.values():
                host.prepare(key)
                host.boot()
            host_keys = {
                place: " ".join((host.tree / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])
                for place, host in hosts.items()
            }
            controller.write_inventory(host_keys)
            controller.note("boot two hosts", time.monotonic() - collected)
            yield InstalledSite(network, neighbor, hosts, controller)
        finally:
            for host in hosts.values():
                host.stop()


def test_preflight_says_everything_that_is_wrong_at_once_and_changes_nothing(site: InstalledSite) -> None:
    before = {place: find_changes(host) for place, host in site.hosts.items()}
    wrong = ("-e", json.dumps({"inference_device": "cuda", "appliance_licences": {}}))
    with occupied(site.hosts["gpu"], TAKEN_PORT):
        outcome = site.controller.play("preflight", *wrong)
        of_one = site.controller.play("preflight", *wrong, "--limit", "gpu-1")
    assert (of_one.returncode != 0, "app-1: " in of_one.output) == (True, False)
    assert of_one.output.count(f"Nobody acknowledged the licence of {MODEL}.") >= 1
    assert outcome.returncode != 0
    for expected in (
        "app-1: The host cannot resolve its own name",
        f"app-1: {PUBLIC_NAME}, under which people reach the pages, does not resolve here",
        "gpu-1: The host cannot resolve its own name",
        f"gpu-1: TCP port {TAKEN_PORT} is in use by squatter.service; appliance-engine-proxy.service needs it",
        "gpu-1: There is no NVIDIA driver",
        f"Nobody acknowledged the licence of {MODEL}.",
    ):
        assert expected in outcome.output, expected
    assert set(outcome.changed.values()) == {0}
    assert {place: find_changes(host) - before[place] for place, host in site.hosts.items()} == {
        "app": set(),
        "gpu": set(),
    }


def test_preflight_passes_on_hosts_that_are_fit(site: InstalledSite) -> None:
    for host in site.hosts.values():
        host.learn_names()
    site.controller.play("preflight").require_success()
    site.reached.add("fit")


def test_bare_host_reaches_outside_so_that_the_firewall_has_something_to_refuse(site: InstalledSite) -> None:
    with listening_outside(site):
        assert all(can_reach(host, "root") for host in site.hosts.values())


def test_set_with_a_wrong_file_is_refused_by_name_and_nothing_is_installed(site: InstalledSite) -> None:
    site.require("fit")
    target = site.controller.set_folder / "documentation" / "README.md"
    right = target.read_bytes()
    target.write_bytes(right + b"altered")
    try:
        outcome = site.controller.play("site")
    finally:
        target.write_bytes(right)
    assert outcome.returncode != 0
    assert "documentation/README.md is not the file that the manifest names" in outcome.output
    assert set(outcome.changed.values()) == {0}
    assert not (site.hosts["app"].tree / "opt" / "appliance").exists()


def test_site_installs_both_hosts_and_removes_a_unit_that_is_no_component(site: InstalledSite) -> None:
    site.require("fit")
    gpu, former = site.hosts["gpu"], "appliance-former.service"
    text = "[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n"
    gpu.run("sh", "-c", f"printf '{text}' > {paths.UNITS}/{former}")
    gpu.run("systemctl", "enable", "--now", former)
    site.controller.play("site").require_success()
    site.reached.add("installed")
    assert gpu.run("systemctl", "is-active", former, check=False).stdout.strip() == "inactive"
    assert former not in gpu.run("ls", str(paths.UNITS)).stdout


def test_second_run_changes_nothing(site: InstalledSite) -> None:
    site.require("installed")
    outcome = site.controller.play("site").require_success()
    assert outcome.changed == {"app-1": 0, "gpu-1": 0}


def test_set_holds_no_update_of_the_distribution_back(site: InstalledSite) -> None:
    """Its packages have the priority of any other source, so that a newer one goes before."""
    site.require("installed")
    policy = site.hosts["app"].run("apt-cache", "policy", "nginx").stdout
    assert re.findall(r"^ +(\d+) file:", policy, re.MULTILINE) == ["500"], policy


def test_everything_comes_back_after_a_reboot_and_verify_finds_nothing_wrong(site: InstalledSite) -> None:
    site.require("installed")
    started = time.monotonic()
    for host in site.hosts.values():
        host.reboot()
    wait_until_ready(site)
    site.controller.note("reboot until the engine answers", time.monotonic() - started)
    with listening_outside(site):
        outcome = site.controller.play("verify", "-e", json.dumps({"audit_outside": [f"{OUTSIDE}:{OUTSIDE_PORT}"]}))
    outcome.require_success()
    assert set(outcome.changed.values()) == {0}
    site.reached.add("verified")


def test_nothing_on_either_host_reaches_out_although_there_is_a_way(site: InstalledSite) -> None:
    site.require("installed")
    users = {"app": ("root", "appliance", "appliance-egress"), "gpu": ("root", "appliance-engine", "appliance-proxy")}
    with listening_outside(site):
        reached = [(place, user) for place, of in users.items() for user in of if can_reach(site.hosts[place], user)]
    assert reached == []


@pytest.mark.parametrize("place", ["app", "gpu"])
def test_scan_from_each_side_finds_exactly_the_topologys_ports(site: InstalledSite, place: str) -> None:
    site.require("installed")
    topology = site.read_inventory()
    expected = {
        name: list_reachable(topology, address, place)
        for name, address in (("operator", CONTROLLER), ("nobody", NEIGHBOR))
    }
    found = {
        "operator": list_open(site.network, ADDRESSES[place]),
        "nobody": list_open(site.neighbor, ADDRESSES[place]),
    }
    assert found == expected
    assert found["nobody"] == ([80, 443] if place == "app" else [])


def test_gpu_hosts_own_firewall_stands_when_the_app_hosts_is_taken_away(site: InstalledSite) -> None:
    site.require("installed")
    app = site.hosts["app"]
    program = Path(scan.__file__).read_text()
    app.run("nft", "flush", "ruleset")
    try:
        found = json.loads(app.run("python3", "-c", program, ADDRESSES["gpu"]).stdout)["open"]
    finally:
        app.run("systemctl", "restart", "nftables.service")
    assert found == list_reachable(site.read_inventory(), ADDRESSES["app"], "gpu") == [8443]


def test_nothing_starts_while_the_firewall_is_away_and_all_does_when_it_is_back(site: InstalledSite) -> None:
    """What runs is left alone; what starts meanwhile waits for the rules, and needs nobody to start it again."""
    site.require("installed")
    for place, unit, port in (("app", "nginx.service", 443), ("gpu", "appliance-engine-proxy.service", 8443)):
        host = site.hosts[place]
        before = host.run("systemctl", "show", unit, "--property=MainPID", "--value").stdout
        assert listens(host, port)
        host.run("systemctl", "stop", "nftables.service")
        try:
            assert host.run("systemctl", "show", unit, "--property=MainPID", "--value").stdout == before
            host.run("systemctl", "restart", unit, check=False)
            time.sleep(4)
            assert not listens(host, port)
        finally:
            host.run("systemctl", "start", "nftables.service")
        deadline = time.monotonic() + 60
        while not listens(host, port):
            assert time.monotonic() < deadline, host.run("journalctl", "-u", unit, "-n", "20").stdout
            time.sleep(2)


def listens(host: BootedHost, port: int) -> bool:
    return bool(host.run("ss", "--no-header", "--listening", "--tcp", "--numeric", f"sport = :{port}").stdout.strip())


def test_only_the_proxys_user_speaks_to_the_engine(site: InstalledSite) -> None:
    site.require("installed")
    program = "import socket; socket.create_connection(('127.0.0.1', 8410), timeout=3)"
    spoke = {
        user: site.hosts["gpu"].run("runuser", "-u", user, "--", "python3", "-c", program, check=False).returncode == 0
        for user in ("appliance-proxy", "nobody", "sshd")
    }
    assert spoke == {"appliance-proxy": True, "nobody": False, "sshd": False}


def test_front_door_says_so_when_the_application_is_stopped(site: InstalledSite) -> None:
    site.require("installed")
    app = site.hosts["app"]
    browser = Browser(ADDRESSES["app"], 443, PUBLIC_NAME, str(site.controller.authority))

    def look() -> tuple[int, str]:
        response = browser.request("GET", "/account/login/")
        return response.status, response.read().decode()

    app.run("systemctl", "stop", "appliance-web.service")
    try:
        status, page = site.network.call(look)
    finally:
        app.run("systemctl", "start", "appliance-web.service")
    assert status == 503
    assert "The application does not answer" in page
    deadline = time.monotonic() + 120
    while site.network.call(look)[0] != 200:
        assert time.monotonic() < deadline, "it does not answer again"
        time.sleep(1)


def test_proxy_refuses_a_client_without_our_certificate(site: InstalledSite) -> None:
    """The same request with and without it: nothing else keeps the client away."""
    site.require("installed")
    pair = paths.PAIRS["application"]
    show = f"c.load_cert_chain('{pair}/certificate.pem', '{pair}/key.pem')"
    statuses = {}
    for shown, line in (("none", "pass"), ("ours", show)):
        program = (
            f"import ssl, urllib.request\nc = ssl.create_default_context(cafile='{paths.CA}')\n{line}\n"
            f"print(urllib.request.urlopen('https://{ADDRESSES['gpu']}:8443/healthz', context=c, timeout=5).status)"
        )
        done = site.hosts["app"].run("runuser", "-u", "appliance", "--", "python3", "-c", program, check=False)
        statuses[shown] = done.stdout.strip()
    assert statuses == {"none": "", "ours": "200"}


def test_pulled_cable_makes_the_run_wait_and_a_new_attempt_finishes_it(site: InstalledSite) -> None:
    site.require("installed")
    link = site.hosts["gpu"].link
    events: list[dict[str, Any]] = []

    def ask_and_pull(browser: Browser) -> None:
        stream = browser.follow(browser.ask("What is written about sharing documents?"), seconds=300)
        with slow_line(site.hosts["gpu"]):
            for event in stream:
                events.append(event)
                if event["type"] == "token":
                    site.network.set_link(link, "down")
                    break
        for event in stream:
            events.append(event)
            if event["type"] == "waiting_for_engine":
                site.network.set_link(link, "up")

    started = time.monotonic()
    with site.logged_in() as browser:
        try:
            site.network.call(lambda: ask_and_pull(browser))
        finally:
            site.network.set_link(link, "up")
    site.controller.note("an answer with a pulled cable", time.monotonic() - started)
    summary = summarize(events)
    order = [
        kind
        for kind in summary["types"]
        if kind in ("waiting_for_engine", "generation_restarted", "answer", "run_finished")
    ]
    assert order == ["waiting_for_engine", "generation_restarted", "answer", "run_finished"], [
        e["type"] for e in events
    ]
    assert summary["citations"] > 0
    assert [event["type"] for event in events].count("generation_restarted") == 1
    assert max(event["data"].get("attempt", 1) for event in events) > 1


def test_units_run_from_a_release_that_the_next_installation_leaves_alone(site: InstalledSite) -> None:
    site.require("installed")
    for place, name, unit in (("app", "webapp", "appliance-web"), ("gpu", "inference", "appliance-embedder")):
        host = site.hosts[place]
        release = host.run("readlink", str(paths.CODE / name)).stdout.strip()
        assert release.startswith(f"{paths.CODE}/releases/{name}-")
        assert f"{release}/bin/python" in host.run("systemctl", "show", unit, "--property=ExecStart").stdout


def test_upgrade_starts_everything_again_in_order_and_verifies(site: InstalledSite) -> None:
    site.require("verified")
    before = read_main_pids(site)
    site.controller.play("upgrade").require_success()
    assert not set(before.values()) & set(read_main_pids(site).values())


def test_verify_names_what_somebody_broke(site: InstalledSite) -> None:
    """An audit that finds nothing is worth something only when it finds what is there."""
    site.require("verified")
    app, gpu = site.hosts["app"], site.hosts["gpu"]
    app.run("chmod", "0644", f"{paths.DATA}/secrets/django")
    app.run("systemctl", "stop", "appliance-scheduler.service")
    gpu.run("nft", "insert", "rule", "inet", "appliance", "input", "tcp", "dport", "9999", "accept")
    gpu.run("systemd-run", "--unit=backdoor", "--quiet", "python3", "-m", "http.server", "9999")
    outcome = site.controller.play("verify")
    assert outcome.returncode != 0
    for expected in (
        "secrets/django has mode 0644",
        "appliance-scheduler.service is inactive, not active",
        "0.0.0.0:9999 listens, by backdoor.service; no component does",
        f"{CONTROLLER} reaches port 9999, which no flow needs",
    ):
        assert expected in outcome.output, expected


def test_reset_is_refused_unless_somebody_means_this_host(site: InstalledSite) -> None:
    site.require("installed")
    for said in ((), ("-e", "reset_confirmed=gpu-1")):
        outcome = site.controller.play("reset", "--limit", "app-1", *said)
        assert outcome.returncode != 0
        assert outcome.changed == {"app-1": 0}
    assert site.hosts["app"].run("systemctl", "is-active", "appliance-web.service").stdout.strip() == "active"


def test_reset_takes_the_appliance_off_and_leaves_the_data(site: InstalledSite) -> None:
    site.require("installed")
    app = site.hosts["app"]
    site.controller.play("reset", "--limit", "app-1", "-e", "reset_confirmed=app-1").require_success()
    assert app.run("systemctl", "list-unit-files", "appliance*", "--no-legend", check=False).stdout == ""
    assert not (app.tree / "opt" / "appliance").exists()
    assert (app.tree / "var" / "lib" / "appliance" / "secrets" / "django").exists()
    databases = app.run("runuser", "-u", "postgres", "--", "psql", "-Atc", "SELECT datname FROM pg_database").stdout
    assert "appliance" in databases.split()
    site.controller.play(
        "reset", "--limit", "app-1", "-e", "reset_confirmed=app-1", "-e", "reset_data=true"
    ).require_success()
    assert not (app.tree / "var" / "lib" / "appliance").exists()
    databases = app.run("runuser", "-u", "postgres", "--", "psql", "-Atc", "SELECT datname FROM pg_database").stdout
    assert "appliance" not in databases.split()
