"""Find Chromium, or install it: ``python -m tests.e2e.browser``. Debian's own package, driven by Playwright."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
COMMAND = "apt-get install --yes --no-install-recommends chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def find_browser() -> Path | None:
    """Chromium's program, if this machine has one."""
    found = (shutil.which(name) for name in NAMES)
    return next((Path(path) for path in found if path), None)


def main() -> int:
    if find_browser():
        return 0
    if os.geteuid() != 0:
        sys.stderr.write(f"The browser tests need Chromium. Run as root: {COMMAND}\n")
        return 1
    sys.stderr.write("Installing Chromium for the browser tests.\n")
    subprocess.run(["apt-get", "update", "--quiet"], check=True)
    subprocess.run(COMMAND.split(), check=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
    return 0 if find_browser() else 1


if __name__ == "__main__":
    sys.exit(main())
