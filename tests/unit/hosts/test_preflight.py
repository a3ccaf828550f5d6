"""What a host is refused for, each with what to do; a fit one for nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.hosts import gather
from appliance.hosts.__main__ import complete_names
from appliance.hosts.preflight import GIB, Needs, find_problems

SSHD = {"transport": "tcp", "address": "0.0.0.0", "port": 22, "unit": "ssh.service"}
PATHS = {"code": "/opt/appliance", "data": "/var/lib/appliance", "set": "/var/cache/appliance-set"}
NEEDS = Needs(
    places=("gpu",), device="cuda", names=("answers.example.com",), ports={8443: ("appliance-engine-proxy.service",)},
    ssh_port=22, operators=("192.0.2.0/28",),
    code_path=PATHS["code"], data_path=PATHS["data"], set_path=PATHS["set"], set_bytes=GIB, model_bytes=5 * GIB,
    controller_time=1000.0,
)  # fmt: skip
FIT: dict[str, Any] = {
    "os_id": "debian", "os_version": "12", "architecture": "x86_64", "systemd": True, "container": False, "cpus": 8,
    "cpu_flags": ["avx2"], "memory_bytes": 64 * GIB, "free_bytes": dict.fromkeys(PATHS.values(), 200 * GIB),
    "used_bytes": dict.fromkeys(PATHS.values(), 0),
    "devices": dict.fromkeys(PATHS.values(), 1), "unix_time": 1001.0, "clock_synchronized": True,
    "host_name_resolves": True, "names": {"answers.example.com": ["192.0.2.10"]},
    "listeners": [SSHD], "ssh_peers": ["192.0.2.5"],
    "driver": "NVRM version", "gpus": [{"name": "authored", "memory_mib": 24 * 1024}],
}  # fmt: skip
CPU = replace(NEEDS, device="cpu", model_bytes=0)
APP = replace(NEEDS, places=("app",))


def listener(port: int, unit: str, transport: str = "tcp") -> dict[str, Any]:
    return {"transport": transport, "address": "0.0.0.0", "port": port, "unit": unit}


def test_fit_host_is_refused_for_nothing() -> None:
    assert find_problems(FIT, NEEDS) == []
    assert find_problems(FIT | {"driver": "", "gpus": []}, CPU) == []
    assert find_problems(FIT | {"os_version": "13", "driver": "", "gpus": []}, APP) == []


@pytest.mark.parametrize(
    ("needs", "different", "said"),
    [
        (
            NEEDS,
            {"os_id": "ubuntu", "os_version": "24.04"},
            "The operating system is ubuntu 24.04; gpu-cuda needs Debian 12 or Debian 13.",
        ),
        (APP, {}, "app needs Debian 13."),
        (CPU, {"os_version": "13"}, "gpu-cpu needs Debian 12."),
        (NEEDS, {"architecture": "aarch64"}, "for x86_64"),
        (NEEDS, {"systemd": False}, "systemd does not run here"),
        (NEEDS, {"cpus": 1}, "There is 1 processor; at least 2"),
        (CPU, {"cpu_flags": []}, "no AVX2"),
        (NEEDS, {"memory_bytes": 4 * GIB}, "There are 4.0 GiB of memory; 8.0 GiB are needed."),
        (NEEDS, {"free_bytes": dict.fromkeys(PATHS.values(), GIB)}, "1.0 GiB are free where"),
        (NEEDS, {"unix_time": 5000.0}, r"The clock is \+4000 seconds from this machine's"),
        (NEEDS, {"clock_synchronized": False}, "not synchronised"),
        (NEEDS, {"host_name_resolves": False}, "cannot resolve its own name"),
        (APP, {"os_version": "13", "names": {}}, "answers.example.com, under which people reach the pages"),
        (NEEDS, {"listeners": [SSHD, listener(8443, "squatter.service")]}, "in use by squatter.service"),
        (NEEDS, {"listeners": [SSHD, listener(8443, "")]}, "in use by a program that is no unit"),
        (NEEDS, {"listeners": [listener(2222, "ssh.service")]}, "Nothing listens on port 22, the only one that SSH"),
        (
            NEEDS,
            {"ssh_peers": ["203.0.113.9"]},
            "You come from 203.0.113.9, which is not in appliance_networks.operator",
        ),
        (NEEDS, {"ssh_peers": []}, "You come from an address that is not to be seen"),
        (NEEDS, {"driver": "", "gpus": []}, "no NVIDIA driver. .* set inference_device: cpu"),
        (NEEDS, {"gpus": []}, "nvidia-smi shows no GPU"),
        (replace(NEEDS, sharing="3 of 3 GPUs cannot share 4 attention heads."), {}, "3 of 3 GPUs cannot share 4"),
        (replace(NEEDS, gpus=2), {}, r"shared by 2 GPUs of this host, and nvidia-smi shows 1\."),
        (
            replace(NEEDS, gpus=2, model_bytes=60 * GIB),
            {"gpus": [{"name": "authored", "memory_mib": mib} for mib in (24576, 24576)]},
            "needs about 32.0 GiB of GPU memory on each of 2 GPUs; there are 24.0 GiB.",
        ),
        (
            NEEDS,
            {"gpus": [{"name": "authored", "memory_mib": 4096}]},
            "needs about 7.0 GiB of GPU memory; .* has 4.0 GiB",
        ),
    ],
)
def test_each_fault_is_one_sentence(needs: Needs, different: dict[str, Any], said: str) -> None:
    problems = find_problems(FIT | different, needs)
    assert len(problems) == 1
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(problems[0])


def test_everything_that_is_wrong_is_said_at_once() -> None:
    broken = FIT | {"os_id": "other", "cpus": 1, "memory_bytes": 0, "host_name_resolves": False, "driver": ""}
    assert len(find_problems(broken, NEEDS)) == 5


def test_site_that_is_managed_through_an_agent_needs_no_way_in() -> None:
    assert find_problems(FIT | {"ssh_peers": [], "listeners": []}, replace(NEEDS, operators=())) == []


def test_port_of_the_appliance_itself_is_no_fault() -> None:
    assert find_problems(FIT | {"listeners": [SSHD, listener(8443, "appliance-engine-proxy.service")]}, NEEDS) == []


def test_containers_clock_is_the_machines_beneath() -> None:
    assert find_problems(FIT | {"clock_synchronized": False, "container": True}, NEEDS) == []


def test_file_systems_are_counted_apart() -> None:
    """Room on one disk is none on another."""
    apart = {"devices": {PATHS["code"]: 1, PATHS["data"]: 2, PATHS["set"]: 2}}
    free = {"free_bytes": {PATHS["code"]: 3 * GIB, PATHS["data"]: 200 * GIB, PATHS["set"]: 200 * GIB}}
    assert find_problems(FIT | apart | free, NEEDS) == [
        "3.0 GiB are free where /opt/appliance will be; 16.0 GiB are needed."
    ]


def test_what_an_earlier_run_installed_is_not_asked_for_again() -> None:
    tight = {"free_bytes": dict.fromkeys(PATHS.values(), 3 * GIB)}
    assert len(find_problems(FIT | tight, NEEDS)) == 1
    installed = {"used_bytes": {PATHS["code"]: 16 * GIB, PATHS["data"]: 5 * GIB, PATHS["set"]: GIB}}
    assert find_problems(FIT | tight | installed, NEEDS) == []


def test_gpus_that_share_a_model_have_to_hold_their_part_only() -> None:
    two = {"gpus": [{"name": "authored", "memory_mib": mib} for mib in (24576, 24576)]}
    assert find_problems(FIT | two, replace(NEEDS, gpus=2, model_bytes=40 * GIB)) == []


def test_gather_counts_what_is_in_a_folder_and_nothing_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"x" * 100_000)
    assert 100_000 <= gather.used_bytes(str(tmp_path)) < 200_000
    assert gather.used_bytes(str(tmp_path / "absent")) == 0


def test_name_that_an_installed_host_cannot_look_up_is_looked_up_by_who_judges() -> None:
    seen = {"names": {"localhost": [], "answers.example.com": ["192.0.2.10"], "absent.invalid": []}, "cpus": 8}
    names = complete_names(seen)["names"]
    assert "127.0.0.1" in names["localhost"]
    assert (names["answers.example.com"], names["absent.invalid"]) == (["192.0.2.10"], [])
