"""Where this tier can run, and where its caches are. In CI it must run: there, saying why not is a failure."""

import os
import shutil
from pathlib import Path

from appliance.settings import environment

ROOT = environment.REPOSITORY
BUILD = ROOT / "build" / "install"
PROGRAMS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ssh": "openssh-client",
}


def list_obstacles() -> list[str]:
    """Why hosts cannot be booted here; empty when they can."""
    found = []
    if os.geteuid() != 0:
        found.append("Booting hosts needs root.")
    if not Path("/etc/debian_version").exists():
        found.append("The hosts are made with debootstrap, which needs Debian or a derivative of it.")
    lacking = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if lacking:
        found.append(f"Debian's packages are missing: apt-get install {' '.join(lacking)}")
    return found


def must_run() -> bool:
    return environment.inherited(("CI",)).get("CI", "") == "true"
