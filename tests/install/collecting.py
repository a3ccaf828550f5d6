"""Collect an offline set: wheels, our own wheel, Debian packages, documents and the checkpoint, with their manifest."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from appliance.bundle.folder import write_manifest
from appliance.bundle.wheels import build_wheel, download
from appliance.local.environments import ENVIRONMENTS, configured_sources
from appliance.rendering.packages import list_packages
from appliance.settings import environment
from tests.install.ground import BUILD, ROOT
from tests.install.site import MODEL
from tests.install.trees import INDEX_RECIPE, download_packages

SET = BUILD / "set"


@dataclass(frozen=True)
class Host:
    """A kind of host: its Debian, the Python there, and the lock its environment is filled from."""

    place: str
    suite: str
    python: str
    lock: str


HOSTS = (Host("app", "trixie", "3.13", "webapp"), Host("gpu", "bookworm", "3.11", "inference-cpu"))


def collect() -> Path:
    """Make the set complete; what has not changed since the last time is kept."""
    SET.mkdir(parents=True, exist_ok=True)
    for host in HOSTS:
        lock = ROOT / "requirements" / f"{host.lock}.lock"
        wheels = partial(download, lock, python=host.python, sources=configured_sources())
        _unless_done(f"wheels-{host.lock}", [lock.read_text(), host.python], SET / "wheels" / host.lock, wheels)
        packages = list_packages([host.place])
        debs = partial(download_packages, host.suite, packages)
        _unless_done(f"debs-{host.suite}", [INDEX_RECIPE, *packages], SET / "debs" / host.suite, debs)
        (SET / "requirements").mkdir(exist_ok=True)
        shutil.copy(lock, SET / "requirements" / lock.name)
    build_wheel(ROOT, _renew(SET / "appliance"))
    documents = _renew(SET / "documentation")
    shutil.copy(ROOT / "README.md", documents)
    shutil.copytree(ROOT / "docs" / "how-to", documents / "how-to")
    _make_checkpoint(SET / "models")
    write_manifest(SET)
    return SET


def _unless_done(name: str, wanted: object, folder: Path, make: Callable[[Path], None]) -> None:
    """Run ``make(folder)`` unless it was done for exactly what is wanted."""
    stamp, digest = BUILD / "stamps" / name, hashlib.sha256(json.dumps(wanted).encode()).hexdigest()
    if folder.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    make(_renew(folder))
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(digest)


def _renew(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _make_checkpoint(folder: Path) -> None:
    program = [str(ENVIRONMENTS / "inference" / "bin" / "python"), "-P", "-m", "tests.engines.reciting"]
    subprocess.run(
        [*program, "--folder", str(folder)],
        env={**environment.full(), "PYTHONPATH": str(ROOT)}, check=True, capture_output=True,
    )  # fmt: skip
    assert (folder / MODEL).is_dir()
