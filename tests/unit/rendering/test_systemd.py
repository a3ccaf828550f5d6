"""Unit files as text: one whole, and what is true of all."""

import re
import subprocess
from pathlib import Path

import pytest

from appliance.rendering.host import MOST_EXPOSURE, USUAL_EXPOSURE, build_host
from appliance.rendering.site import PLACES
from appliance.rendering.systemd import Unit, build_guards, build_target, build_units, quote
from tests.unit.rendering.sites import ADDRESSES, one_host, settings, two_hosts

PROXY = """\
# Written by the playbooks from the appliance's topology; edits are overwritten.
[Unit]
Description=LLM appliance: The only way to the models
PartOf=appliance.target
After=network-online.target nftables.service appliance-engine.service appliance-embedder.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
User=appliance-proxy
Group=appliance-proxy
ExecStartPre=+/bin/sh -c '/usr/sbin/nft list chain inet appliance input >/dev/null'
ExecStart=/opt/appliance/inference/bin/python -P -m inference.serving.launch engine-proxy
Environment=PATH=/usr/local/bin:/usr/bin:/bin
Environment=LANG=C.UTF-8
Environment=HOME=/var/lib/appliance/cache/home
Environment=APPLIANCE_DATA_DIR=/var/lib/appliance
Environment=APPLIANCE_CONFIG=/etc/appliance/appliance.yaml
Environment=PYTHONUNBUFFERED=1
Environment=PYTHONDONTWRITEBYTECODE=1
Environment=PYTHONSAFEPATH=1
WorkingDirectory=/
Restart=always
RestartSec=3
KillSignal=SIGTERM
KillMode=control-group
TimeoutStopSec=35
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
PrivateIPC=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
ProcSubset=all
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
LimitCORE=0
IPAddressDeny=any
IPAddressAllow=localhost 192.0.2.10/32 192.0.2.20/32
TemporaryFileSystem=/var/lib/appliance:ro
CacheDirectory=appliance-proxy
CacheDirectoryMode=0700
BindPaths=/var/cache/appliance-proxy:/var/lib/appliance/cache
BindReadOnlyPaths=/etc/appliance/tls/engine-proxy:/etc/appliance/tls/own
BindReadOnlyPaths=-/var/log/appliance-engine:/var/lib/appliance/events

[Install]
WantedBy=appliance.target
"""


def unit(component: str, units: tuple[Unit, ...]) -> Unit:
    return next(each for each in units if each.component == component)


def test_unit_of_the_proxy_is_exactly_this() -> None:
    assert unit("engine-proxy", build_units(two_hosts(), ("gpu",))).text == PROXY


def test_each_host_has_the_units_of_its_places() -> None:
    assert [each.component for each in build_units(two_hosts(), ("app",))] == [
        "egress", "web", "worker", "ingester", "scheduler",
    ]  # fmt: skip
    assert [each.component for each in build_units(two_hosts(), ("gpu",))] == ["embedder", "engine", "engine-proxy"]
    assert len(build_units(one_host(), PLACES)) == 8


def test_without_a_model_there_is_no_engine_to_start() -> None:
    site = two_hosts(model={"path": None})
    assert "engine" not in [each.component for each in build_units(site, ("gpu",))]


def test_engine_sees_what_it_loads_beside_its_model() -> None:
    adapters = {"style": "/srv/models/style"}
    site = two_hosts(model={"path": "/srv/models/m", "adapters": adapters})
    assert "BindReadOnlyPaths=-/srv/models/m -/srv/models/style\n" in unit("engine", build_units(site, ("gpu",))).text


def test_keeper_of_the_engine_is_asked_first_and_a_refused_model_is_final() -> None:
    lines = unit("engine", build_units(two_hosts(), ("gpu",))).text.splitlines()
    assert {"Restart=always", "RestartPreventExitStatus=4", "KillMode=mixed", "TimeoutStopSec=45"} <= set(lines)
    assert "BindPaths=/var/log/appliance-engine:/var/lib/appliance/events" in lines
    longer = two_hosts(model={**settings()["model"], "drain_seconds": 120})
    assert "TimeoutStopSec=135" in unit("engine", build_units(longer, ("gpu",))).text


def test_changed_port_is_followed() -> None:
    assert "--port 8400" in unit("web", build_units(two_hosts(), ("app",))).text
    moved = two_hosts(web={**settings()["web"], "port": 8500})
    assert "--port 8500" in unit("web", build_units(moved, ("app",))).text


def test_no_unit_runs_as_root_or_sees_anothers_secrets() -> None:
    for each in build_units(one_host(), PLACES):
        assert each.user.startswith("appliance"), each.name
        sees_secrets = "/var/lib/appliance/secrets" in each.text
        assert sees_secrets == (each.user == "appliance"), each.name


def test_nothing_starts_unfiltered_and_nothing_stops_with_the_firewall() -> None:
    """Each start looks for the rules themselves; no unit is bound to the firewall's, whose restart would be its own."""
    texts = [each.text for each in build_units(one_host(), PLACES)]
    texts += build_guards(PLACES, one_host().topology).values()
    for text in texts:
        assert "ExecStartPre=+/bin/sh -c '/usr/sbin/nft list chain inet appliance input >/dev/null'\n" in text
        assert re.search(r"^After=.*\bnftables\.service\b", text, re.MULTILINE)
        assert re.search(r"^Restart=(always|on-failure)$", text, re.MULTILINE)
        assert "StartLimitIntervalSec=0\n" in text
        assert not re.search(r"^(Requires|Requisite|BindsTo|PartOf)=.*nftables", text, re.MULTILINE)
    assert (
        "chain input {" in build_host(settings(), ADDRESSES, "app")["firewall"].partition("table inet appliance {")[2]
    )


def test_front_door_is_guarded_where_it_is() -> None:
    assert list(build_host(settings(), ADDRESSES, "app")["guards"]) == ["nginx.service.d/appliance.conf"]
    assert build_host(settings(), ADDRESSES, "gpu")["guards"] == {}


def test_gpu_is_seen_by_those_that_use_it_only() -> None:
    units = build_units(one_host(model={"device": "cuda"}), PLACES)
    assert {each.component for each in units if "DeviceAllow=char-nvidia* rw" in each.text} == {
        "engine", "embedder", "engine-proxy",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ("", '""'),
        ("100%", "100%%"),
        ("$HOME", "$$HOME"),
        ('say "no"', '"say \\"no\\""'),
        ("a;b", '"a;b"'),
        ("c:\\d", '"c:\\\\d"'),
    ],
)
def test_words_reach_the_program_as_they_are(word: str, written: str) -> None:
    assert quote(word) == written


def test_value_of_a_variable_keeps_its_dollar() -> None:
    assert quote("NAME=$1", expands=False) == "NAME=$1"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_exposure_of_every_unit_is_below_its_limit(device: str, tmp_path: Path) -> None:
    units = build_units(one_host(model={"device": device}), PLACES)
    for each in units:
        (tmp_path / each.name).write_text(each.text)
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    done = subprocess.run(
        [*command, *(str(tmp_path / each.name) for each in units)], capture_output=True, text=True, check=False
    )
    found = {name: float(value) for name, value in re.findall(r"exposure level for (\S+): ([\d.]+)", done.stdout)}
    assert found.keys() == {each.name for each in units}, done.stderr
    for each in units:
        assert found[each.name] < MOST_EXPOSURE.get(each.component, USUAL_EXPOSURE), each.name


def test_systemd_understands_every_directive(tmp_path: Path) -> None:
    units = build_units(one_host(), PLACES)
    (tmp_path / "appliance.target").write_text(build_target())
    for each in units:
        # What is executed is on the host only.
        (tmp_path / each.name).write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", each.text))
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert complaints == []
