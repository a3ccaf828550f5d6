"""The appliance's own images, built as docs/how-to/build-images.md says; built again when anything in them changed."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import yaml

from appliance.bundle.wheels import pin_own_wheel
from appliance.programs.images import IMAGES
from tests.helm.helm import CHART
from tests.images.bases import PYTHON, STATE, ensure_base
from tests.images.ground import BUILD, ROOT
from tests.images.podman import Podman

WHEELHOUSES = BUILD / "wheelhouse"
LOCKS = {"webapp": "webapp", "inference": "inference-cpu"}
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"]  # which names the tags


def build_images(podman: Podman) -> dict[str, str]:
    """References by name: webapp, inference, and state, which is a stand-in for a site's own."""
    with phase("bases and wheels"), ThreadPoolExecutor(4) as pool:
        base, state = (pool.submit(ensure_base, podman, each) for each in (PYTHON, STATE))
        wheels = {name: pool.submit(_ensure_wheelhouse, name) for name in LOCKS}
        base.result()
    for name, wheelhouse in wheels.items():
        with phase(f"image {name}"):
            _ensure_image(podman, name, wheelhouse.result())
    return {name: build_reference(name) for name in LOCKS} | {"state": state.result()}


def build_arguments(revision: str) -> dict[str, str]:
    return {"BASE": PYTHON.reference, "VERSION": VERSION, "REVISION": revision}


def build_reference(name: str) -> str:
    return f"localhost/{IMAGES[name].name}:{VERSION}"


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Say how long a part of the tier took: it has minutes, on two cores."""
    started = time.monotonic()
    yield
    sys.stderr.write(f"\n[images] {name}: {time.monotonic() - started:.0f} s\n")


def _ensure_wheelhouse(name: str) -> Path:
    """What the lock names is fetched when the lock changes; our own wheel is made each time."""
    folder, lock = WHEELHOUSES / name, ROOT / "requirements" / f"{LOCKS[name]}.lock"
    pinned = folder / "requirements.lock"
    if pinned.exists() and (folder / "appliance.lock").exists() and pinned.read_bytes() == lock.read_bytes():
        pin_own_wheel(folder)
        return folder
    command = [sys.executable, "-P", "-m", "appliance.bundle.wheels", LOCKS[name], "--into", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def _ensure_image(podman: Podman, name: str, wheelhouse: Path) -> None:
    containerfile, reference = ROOT / name / "Containerfile", build_reference(name)
    base = podman.run("image", "inspect", "--format", "{{.Id}}", PYTHON.reference).strip()
    locks = [(wheelhouse / lock).read_text() for lock in ("requirements.lock", "appliance.lock")]
    inputs = hashlib.sha256("\0".join([containerfile.read_text(), base, *locks]).encode()).hexdigest()
    stamp = BUILD / f"{name}.stamp"
    if podman.run("images", "--quiet", reference).strip() and stamp.exists() and stamp.read_text() == inputs:
        return
    stamp.unlink(missing_ok=True)
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    podman.build_image(containerfile, wheelhouse, tag=reference, arguments=build_arguments(revision.strip()))
    podman.run("image", "prune", "--force")
    stamp.write_text(inputs)
