"""Where this tier can run, and where its caches are."""

import os
import shutil
from pathlib import Path

from appliance.settings import environment

ROOT = environment.REPOSITORY
BUILD = ROOT / "build" / "images"
# Programs, and Debian's packages that hold them.
PROGRAMS = {
    "podman": "podman", "buildah": "buildah", "runc": "runc", "catatonit": "catatonit", "debootstrap": "debootstrap",
    "ip": "iproute2",
}  # fmt: skip


def list_missing_packages() -> list[str]:
    places = f"{os.defpath}:/usr/sbin:/sbin"
    return sorted(package for program, package in PROGRAMS.items() if shutil.which(program, path=places) is None)


def list_obstacles() -> list[str]:
    """Why Pods cannot be run here; empty when they can."""
    found = []
    if os.geteuid() != 0:
        found.append("Pods with networks of their own need root.")
    if not Path("/etc/debian_version").exists():
        found.append("The base images are made with debootstrap, which needs Debian or a derivative of it.")
    if missing := list_missing_packages():
        found.append(f"Debian's packages are missing: apt-get install --no-install-recommends {' '.join(missing)}")
    return found
