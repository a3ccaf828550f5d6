"""Each check on a healthy machine and on one with the trouble it is for."""

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.doctor import Facts, run_checks
from appliance.doctor.facts import Listener

GIB = 2**30
HEALTHY = Facts(
    system="Linux",
    architecture="x86_64",
    python=(3, 11),
    has_venv=True,
    cpu_flags=frozenset({"avx2", "avx512f"}),
    wants_cpu_model=True,
    has_libnuma=True,
    memory_bytes=16 * GIB,
    memory_available_bytes=12 * GIB,
    disk_free_bytes=100 * GIB,
    disk_needed_bytes=7 * GIB,
    data_dir=Path("/srv/appliance"),
    data_dir_problem="",
    socket_path=Path("/srv/appliance/run/socket"),
    wanted_ports={"web": 8400, "engine": 8410, "embedder": 8420},
    listeners={},
    environments={"webapp": "finished", "inference": "missing"},
    has_redis=True,
)


def test_healthy_machine_passes_every_check() -> None:
    assert {check.severity for check in run_checks(HEALTHY)} == {"ok"}
    assert not any(check.fix for check in run_checks(HEALTHY))


TROUBLES = [
    ({"system": "Darwin"}, "system", "error", "Use a Linux machine"),
    ({"architecture": "aarch64"}, "system", "warning", "Only x86_64 is tested"),
    ({"python": (3, 10)}, "python", "error", "Install Python 3.11"),
    ({"python": (3, 14)}, "python", "error", "Install Python 3.11"),
    ({"python": (3, 13)}, "python", "warning", "locked for Python 3.11"),
    ({"has_redis": False}, "redis", "error", "apt install redis-server"),
    ({"has_venv": False}, "python", "error", "apt install python3-venv"),
    ({"memory_available_bytes": 1 * GIB}, "memory", "error", "needs 2 GiB"),
    ({"memory_available_bytes": 3 * GIB}, "memory", "warning", "4 GiB available is comfortable"),
    ({"memory_available_bytes": 6 * GIB}, "memory", "warning", "about 8 GiB"),
    ({"disk_free_bytes": 5 * GIB}, "disk", "error", "now /srv/appliance"),
    ({"disk_free_bytes": 8 * GIB}, "disk", "warning", "Little is left"),
    ({"disk_free_bytes": GIB // 4, "disk_needed_bytes": 0}, "disk", "error", "Free some space"),
    ({"cpu_flags": frozenset()}, "cpu", "warning", "answers will be quoted passages"),
    ({"data_dir_problem": "it belongs to somebody"}, "data-dir", "error", "name another folder as data_dir"),
    ({"socket_path": Path("/" + "x" * 120)}, "socket-path", "error", "shorter data_dir"),
    (
        {"environments": {"webapp": "unfinished", "inference": "missing"}},
        "installation",
        "warning",
        "`bin/appliance up` finishes it",
    ),
]


@pytest.mark.parametrize(("change", "check_id", "severity", "fix"), TROUBLES)
def test_trouble_is_reported_with_its_fix(change: dict[str, object], check_id: str, severity: str, fix: str) -> None:
    found = [check for check in run_checks(replace(HEALTHY, **change)) if check.severity != "ok"]  # type: ignore[arg-type]  # fields by name
    assert [(check.id, check.severity) for check in found] == [(check_id, severity)]
    assert fix in found[0].fix


def test_port_in_use_names_the_process_and_the_setting() -> None:
    facts = replace(
        HEALTHY,
        wanted_ports={**HEALTHY.wanted_ports, "engine-proxy": 8443},
        listeners={8400: Listener(8400, "process 7 (nginx)"), 8420: Listener(8420), 8443: Listener(8443)},
    )
    found = {check.observed: check.fix for check in run_checks(facts) if check.id == "ports"}
    assert found == {
        "port 8400, which web needs, is in use by process 7 (nginx)":
            "Stop it, or choose another port as web.port in appliance.yaml.",
        "port 8420, which embedder needs, is in use by a process of another user":
            "Stop it, or choose another port as embeddings.port in appliance.yaml.",
        "port 8443, which engine-proxy needs, is in use by a process of another user":
            "Stop it, or choose another port as engine_proxy.port in appliance.yaml.",
    }  # fmt: skip


def test_all_troubles_are_reported_at_once() -> None:
    facts = replace(HEALTHY, has_venv=False, memory_available_bytes=0, disk_free_bytes=0, data_dir_problem="no")
    assert [check.id for check in run_checks(facts) if check.severity == "error"] == [
        "python", "memory", "disk", "data-dir",
    ]  # fmt: skip


def test_memory_of_a_running_appliance_is_not_held_against_it() -> None:
    facts = replace(HEALTHY, memory_available_bytes=0, running=frozenset({"web"}))
    assert all(check.severity == "ok" for check in run_checks(facts))


@pytest.mark.parametrize(
    "change", [{"wants_cpu_model": False}, {"environments": {"webapp": "finished", "inference": "finished"}}]
)
def test_newer_python_is_fine_without_the_cpu_build_and_where_it_is_installed(change: dict[str, object]) -> None:
    facts = replace(HEALTHY, python=(3, 12), **change)  # type: ignore[arg-type]  # fields by name
    assert {check.severity for check in run_checks(facts)} == {"ok"}


def test_gpu_machine_needs_no_avx() -> None:
    assert all(
        check.severity == "ok" for check in run_checks(replace(HEALTHY, cpu_flags=frozenset(), wants_cpu_model=False))
    )


def test_missing_libnuma_is_a_warning_with_the_package_where_a_model_would_run_on_the_cpu() -> None:
    (check,) = [check for check in run_checks(replace(HEALTHY, has_libnuma=False)) if check.id == "libnuma"]
    assert check.severity == "warning"
    assert "apt install libnuma1" in check.fix
    without = run_checks(replace(HEALTHY, has_libnuma=False, wants_cpu_model=False))
    assert all(check.id != "libnuma" for check in without)
