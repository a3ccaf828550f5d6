"""Where Chromium is, and how it is started for tests. Debian's own package, driven by Playwright."""

import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
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
