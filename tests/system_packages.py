"""What only the system can give to the tests: ``python -m tests.system_packages`` installs it as root, or names it.

``python -m tests.system_packages images`` does so for the tier that runs Pods, ``install`` and ``chaos`` for theirs.
"""

import os
import shutil
import subprocess
import sys

from inference.registry.machine import LIBNUMA, can_compile, has_library
from tests.e2e.browser import find_browser
from tests.images.ground import list_missing_packages
from tests.install.ground import PROGRAMS

LIBATOMIC = "libatomic.so.1"  # Playwright's own Node links against it


def list_missing(tier: str = "") -> list[str]:
    """Debian's names of the packages that are not here."""
    if tier == "install":
        return [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if tier == "chaos":  # pipelined models are compiled
        return [] if can_compile() else ["g++", "python3-dev"]
    if tier == "images":
        return list_missing_packages()
    present = {
        "chromium": find_browser() is not None,
        "libnuma1": has_library(LIBNUMA),
        "libatomic1": has_library(LIBATOMIC),
        # Firewalls and units are checked by the programs that read them.
        "nftables": shutil.which("nft") is not None,
        "systemd": shutil.which("systemd-analyze") is not None,
        "iproute2": shutil.which("ip") is not None,
        "openssl": shutil.which("openssl") is not None,
    }
    return [package for package, is_there in present.items() if not is_there]


def main() -> int:
    tier = sys.argv[1] if len(sys.argv) > 1 else ""
    missing = list_missing(tier)
    if not missing:
        return 0
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        sys.stderr.write(f"The tests need {' and '.join(missing)}. Run as root: {' '.join(install)}\n")
        return 1
    sys.stderr.write(f"Installing {' and '.join(missing)} for the tests.\n")
    subprocess.run(["apt-get", "update", "--quiet"], check=True)
    subprocess.run(install, check=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
    return 1 if list_missing(tier) else 0


if __name__ == "__main__":
    sys.exit(main())
