#!/usr/bin/env python3
"""Gather what is on a host, as JSON: standard library only, because the playbooks send it there and run it as root.

``gather.py preflight|audit|licences REQUEST``; the request is JSON. Changes nothing.
"""

import glob
import hashlib
import json
import os
import platform
import pwd
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TRY_SECONDS = 3.0
# As inference.registry.licence has them; a test keeps these equal.
LICENCE_FILES = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*")
LICENCE_FILE_BYTES = 1024 * 1024


def run(*argv: str) -> str:
    """What a program prints; empty when it is not there or fails."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def read_fields(text: str, separator: str) -> dict[str, str]:
    pairs = (line.partition(separator) for line in text.splitlines() if separator in line)
    return {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def free_bytes(path: str) -> int:
    """Of the file system that this path is on, or will be."""
    status = os.statvfs(nearest(path))
    return status.f_bavail * status.f_frsize


def used_bytes(path: str) -> int:
    """What the files below this path occupy on its own file system."""
    device, total = device_of(path), 0
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            try:
                status = os.lstat(os.path.join(folder, name))  # noqa: PTH118 - many files
            except OSError:
                continue  # gone meanwhile
            total += status.st_blocks * 512 if status.st_dev == device else 0
    return total


def resolves(name: str) -> list[str]:
    try:
        return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(name, None)})
    except OSError:
        return []


def list_listeners() -> list[dict[str, Any]]:
    """Every listening TCP socket and bound UDP socket, with the systemd unit that has it."""
    found = []
    for transport, option in (("tcp", "-ltnpH"), ("udp", "-lunpH")):
        for line in run("ss", option).splitlines():
            fields = line.split()
            pid = fields[-1].partition("pid=")[2].partition(",")[0]
            address, _, port = fields[3].rpartition(":")
            found.append(
                {
                    "transport": transport,
                    "address": address.partition("%")[0].strip("[]"),
                    "port": int(port),
                    "unit": find_unit(pid),
                }
            )
    return found


def list_ssh_peers(port: int) -> list[str]:
    """Who is connected to the SSH server now: the playbook itself is among them."""
    lines = run("ss", "-tnH", "state", "established", "sport", "=", f":{port}").splitlines()
    peers = (line.split()[-1].rpartition(":")[0].strip("[]").removeprefix("::ffff:") for line in lines)
    return sorted(set(peers))


def find_unit(pid: str) -> str:
    for line in read(f"/proc/{pid}/cgroup").splitlines() if pid else []:
        for part in line.split("/"):
            if part.endswith((".service", ".socket")):
                return part
    return ""


def list_gpus() -> list[dict[str, Any]]:
    query = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
    rows = (line.rpartition(",") for line in run(*query).splitlines())
    return [{"name": name.strip(), "memory_mib": int(mib)} for name, _, mib in rows if mib.strip().isdigit()]


def gather_preflight(request: dict[str, Any]) -> dict[str, Any]:
    release = read_fields(read("/etc/os-release"), "=")
    cpu = read_fields(read("/proc/cpuinfo"), ":")
    memory = read_fields(read("/proc/meminfo"), ":").get("MemTotal", "0 kB")
    return {
        "os_id": release.get("ID", ""),
        "os_version": release.get("VERSION_ID", ""),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "systemd": Path("/run/systemd/system").is_dir(),
        "container": run("systemd-detect-virt", "--container") not in ("", "none"),
        "cpus": os.cpu_count(),
        "cpu_flags": cpu.get("flags", cpu.get("Features", "")).split(),
        "memory_bytes": int(memory.split()[0]) * 1024,
        "free_bytes": {path: free_bytes(path) for path in request["paths"]},
        "used_bytes": {path: used_bytes(path) for path in request["paths"]},
        "devices": {path: device_of(path) for path in request["paths"]},
        "unix_time": time.time(),
        "clock_synchronized": run("timedatectl", "show", "--property=NTPSynchronized", "--value") == "yes",
        "host_name_resolves": bool(resolves(socket.gethostname())),
        "names": {name: resolves(name) for name in request["names"]},
        "listeners": list_listeners(),
        "ssh_peers": list_ssh_peers(request["ssh_port"]),
        "driver": read("/proc/driver/nvidia/version").partition("\n")[0],
        "gpus": list_gpus(),
    }


def device_of(path: str) -> int:
    return nearest(path).stat().st_dev


def nearest(path: str) -> Path:
    """The path, or what of it exists so far."""
    return next(each for each in (Path(path), *Path(path).parents) if each.exists())


def describe_file(path: str) -> dict[str, Any]:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode) and os.path.exists(path):  # noqa: PTH110 - what counts is where it leads
        status = os.stat(path)  # noqa: PTH116 - beside lstat
    return {"path": path, "mode": stat.S_IMODE(status.st_mode), "owner": status.st_uid, "group": status.st_gid,
            "user": name_of(status.st_uid), "folder": stat.S_ISDIR(status.st_mode)}  # fmt: skip


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def try_reaching(user: str, destination: str) -> int:
    """The pid of a child that becomes this user and ends with 0 when it gets a connection."""
    host, _, port = destination.rpartition(":")
    child = os.fork()
    if child == 0:
        try:
            account = pwd.getpwnam(user)
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            socket.create_connection((host, int(port)), timeout=TRY_SECONDS).close()
        except BaseException:  # noqa: BLE001 - a child must end here, whatever happens to it
            os._exit(1)
        os._exit(0)
    return child


def read_refused() -> int | None:
    """How many packets the firewall has refused on their way out."""
    text = run("nft", "--json", "list", "counter", "inet", "appliance", "refused_out")
    for entry in json.loads(text)["nftables"] if text else []:
        if "counter" in entry:
            return int(entry["counter"]["packets"])
    return None


def gather_audit(request: dict[str, Any]) -> dict[str, Any]:
    attempts = [(user, destination) for user in request["users"] for destination in request["outside"]]
    before = read_refused()
    children = [(user, destination, try_reaching(user, destination)) for user, destination in attempts]
    reached = [f"{user} reached {destination}" for user, destination, child in children if os.waitpid(child, 0)[1] == 0]
    listed = run("systemctl", "list-unit-files", "--plain", "--no-legend", "--type=service").splitlines()
    present = {line.split()[0] for line in listed if line.strip()}
    units = [*request["units"], *(choose_unit(names, present) for names in request["packaged"])]
    return {
        "units": {unit: describe_unit(unit) for unit in units},
        "failed_units": [
            line.split()[0] for line in run("systemctl", "--failed", "--plain", "--no-legend").splitlines()
        ],
        "listeners": list_listeners(),
        "files": [
            describe_file(path)
            for pattern in request["files"]
            for path in sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - absolute patterns
        ],
        "firewall": read(request["firewall_file"]),
        "firewall_drops": [
            hook
            for hook in ("input", "output", "forward")
            if "policy drop" in run("nft", "list", "chain", "inet", "appliance", hook)
        ],
        "tried": len(attempts),
        "reached": reached,
        "refused_packets": None if before is None else (read_refused() or 0) - before,
        "container": run("systemd-detect-virt", "--container") not in ("", "none"),
    }


def choose_unit(names: list[str], present: set[str]) -> str:
    """Of the names that distributions give one service, the one that is here; the first, to be missed, when none is."""
    return next((name for name in names if name in present), names[0])


def describe_unit(unit: str) -> dict[str, Any]:
    shown = read_fields(
        run("systemctl", "show", unit, "--property=LoadState,ActiveState,UnitFileState,NRestarts,ConditionResult"), "="
    )
    exposure = run("systemd-analyze", "security", "--no-pager", unit).rpartition("Overall exposure level for ")[2]
    number = exposure.partition(": ")[2].split(" ")[0]
    return {**shown, "exposure": float(number) if number.replace(".", "", 1).isdigit() else None}


def gather_licences(request: dict[str, Any]) -> dict[str, Any]:
    return {folder: gather_licence(Path(folder)) for folder in request["folders"]}


def gather_licence(folder: Path) -> dict[str, Any]:
    """What a model's folder says about its licence, as inference.registry.licence reads it, and which files it has."""
    files = {path for pattern in LICENCE_FILES for path in folder.glob(pattern) if path.is_file()}
    manifest = read(str(folder / "MANIFEST"))
    return {
        "card": read(str(folder / "README.md"))[:4000],
        "origin": find_origin(folder),
        "files": {str(path): hash_beginning(path, LICENCE_FILE_BYTES) for path in sorted(files)},
        "manifest": hashlib.sha256(manifest.encode()).hexdigest() if manifest else "",
    }


def find_origin(folder: Path) -> str:
    """The hub's name of the model, or of the one it was quantised from, as inference.registry.origin reads it."""
    name = read_object(folder / "fetched.json").get("hub_id")
    if name is None and read_object(folder / "imported.json").get("kind") == "quantized":
        parent = read_object(folder / "quantized.json").get("parent")
        name = parent.get("hub_id") if isinstance(parent, dict) else None
    return name if isinstance(name, str) else ""


def read_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read(str(path)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def hash_beginning(path: Path, count: int) -> str:
    with path.open("rb") as stream:
        return hashlib.sha256(stream.read(count)).hexdigest()


GATHERERS = {"preflight": gather_preflight, "audit": gather_audit, "licences": gather_licences}


def main() -> None:
    verb, request = sys.argv[1], json.loads(sys.argv[2])
    sys.stdout.write(json.dumps(GATHERERS[verb](request)) + "\n")


if __name__ == "__main__":
    main()
