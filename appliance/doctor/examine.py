"""Gather the facts about this machine and run every check on them. Changes nothing."""

import importlib.util
import os
import platform
import pwd
import shutil
import sys
from pathlib import Path

from appliance.doctor.checks import Check, run_checks
from appliance.doctor.facts import Facts
from appliance.doctor.listeners import find_listeners
from appliance.local import environments
from appliance.local.bootstrap.sources import Sources
from appliance.local.errors import LocalError
from appliance.local.identity import SYSTEM_USER
from appliance.local.instance import LocalAppliance
from appliance.local.redis import find_program
from appliance.settings.model import LONGEST_SOCKET_NAME
from inference.registry.machine import CPUINFO, LIBNUMA, has_library, read_cpu_flags

MEMINFO = Path("/proc/meminfo")


def examine(local: LocalAppliance) -> list[Check]:
    """Every check's findings on this machine."""
    return run_checks(gather_facts(local))


def gather_facts(local: LocalAppliance) -> Facts:
    settings = local.settings
    sources = Sources(settings.install.wheelhouse, settings.install.extra_index_url, settings.model.device)
    running = local.list_running()
    wanted = {
        port.component: port.number
        for port in local.topology.ports
        if port.number is not None and port.component not in running
    }
    cuda = environments.wants_cuda(sources)
    plans = {name: environments.build_plan(name, cuda=cuda) for name in ("webapp", "inference")}
    states = {name: _environment_state(plan) for name, plan in plans.items()}
    needed = sum(
        environments.NEEDED_BYTES[plans[name].lock.name] for name, state in states.items() if state == "missing"
    )
    memory = parse_meminfo(MEMINFO.read_text())
    existing = _nearest_existing(settings.data_dir)
    return Facts(
        system=platform.system(),
        architecture=platform.machine(),
        python=sys.version_info[:2],
        has_venv=importlib.util.find_spec("ensurepip") is not None,
        cpu_flags=read_cpu_flags(CPUINFO),
        wants_cpu_model=not cuda,
        has_libnuma=has_library(LIBNUMA),
        memory_bytes=memory["MemTotal"],
        memory_available_bytes=memory["MemAvailable"],
        disk_free_bytes=min(shutil.disk_usage(existing).free, shutil.disk_usage(local.installation.root).free),
        disk_needed_bytes=needed,
        data_dir=settings.data_dir,
        data_dir_problem=_find_problem(settings.data_dir, existing),
        socket_path=settings.run_dir / LONGEST_SOCKET_NAME,
        wanted_ports=wanted,
        listeners=find_listeners(wanted.values()),
        environments=states,
        has_redis=_has_redis(),
        running=running,
    )


def parse_meminfo(text: str) -> dict[str, int]:
    """Name to bytes; /proc/meminfo counts in units of 1,024 bytes and calls them kB."""
    rows = (line.split() for line in text.splitlines())
    return {fields[0].rstrip(":"): int(fields[1]) * 1024 for fields in rows if len(fields) == 3}


def _has_redis() -> bool:
    try:
        find_program()
    except LocalError:
        return False
    return True


def _environment_state(plan: environments.Plan) -> str:
    if plan.is_finished():
        return "finished"
    return "unfinished" if plan.folder.exists() else "missing"


def _nearest_existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _find_problem(data_dir: Path, existing: Path) -> str:
    """Why the data directory cannot be used, in words; empty when it can."""
    if not existing.is_dir():
        return f"{existing} is not a folder"
    if os.getuid() != 0:
        if not os.access(existing, os.W_OK | os.X_OK):
            return f"this user may not write to {existing}"
        owner = existing.stat().st_uid
        if existing == data_dir and owner != os.getuid():
            return f"it belongs to {_user_name(owner)}, who started the appliance before"
        return ""
    if existing == data_dir and _user_name(existing.stat().st_uid) not in {"root", SYSTEM_USER}:
        return f"it belongs to {_user_name(existing.stat().st_uid)}; run the appliance as that user, not as root"
    return ""


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
