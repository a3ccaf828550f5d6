"""Collect an offline set: wheels, our own wheel, Debian packages, documents and the checkpoint, with their manifest."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

from appliance.bundle.folder import write_manifest
from appliance.local.bootstrap import pip_run
from appliance.local.environments import ENVIRONMENTS, configured_sources
from appliance.rendering.packages import list_packages
from appliance.settings import environment
from tests.install.ground import BUILD, ROOT
from tests.install.site import MODEL
from tests.install.trees import download_packages

SET = BUILD / "set"
# pip knows what a platform takes only for the one it runs on: every C library up to Debian 12's, by both its names.
PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in range(5, 37)), "manylinux2014_x86_64", "manylinux2010_x86_64",
             "manylinux1_x86_64")  # fmt: skip
SOURCE_DATE = "1700000000"  # the same sources give the same wheel, and so the same manifest


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
        _unless_done(
            f"wheels-{host.lock}",
            [lock.read_text(), host.python],
            SET / "wheels" / host.lock,
            lambda folder, lock=lock, host=host: _download_wheels(lock, host.python, folder),
        )
        packages = list_packages([host.place])
        _unless_done(
            f"debs-{host.suite}",
            packages,
            SET / "debs" / host.suite,
            lambda folder, host=host, packages=packages: download_packages(host.suite, packages, folder),
        )
        (SET / "requirements").mkdir(exist_ok=True)
        shutil.copy(lock, SET / "requirements" / lock.name)
    _build_wheel(_renew(SET / "appliance"))
    documents = _renew(SET / "documentation")
    shutil.copy(ROOT / "README.md", documents)
    shutil.copytree(ROOT / "docs" / "how-to", documents / "how-to")
    _make_checkpoint(SET / "models")
    write_manifest(SET)
    return SET


def _unless_done(name: str, wanted: object, folder: Path, make: "object") -> None:
    """Run ``make(folder)`` unless it was done for exactly what is wanted."""
    stamp, digest = BUILD / "stamps" / name, hashlib.sha256(json.dumps(wanted).encode()).hexdigest()
    if folder.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    make(_renew(folder))  # type: ignore[operator]
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(digest)


def _renew(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def flatten_lock(text: str, *, python: str) -> str:
    """The packages of a lock that this Python takes: pip judges conditions by the Python that it runs in itself."""
    here = {"python_version": python, "python_full_version": f"{python}.0", "platform_python_implementation": "CPython",
            "implementation_name": "cpython", "sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix",
            "platform_system": "Linux"}  # fmt: skip
    kept = []
    for block in re.split(r"\n(?=[a-z0-9])", text):
        head, _, rest = block.partition("\\\n")
        requirement, _, condition = head.partition(" ; ")
        if not condition or Marker(condition.strip()).evaluate(here):
            kept.append(f"{requirement.strip()} \\\n{rest}")
    return "\n".join(kept)


def _download_wheels(lock: Path, python: str, folder: Path) -> None:
    sources = configured_sources()
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as flat:
        flat.write(flatten_lock(lock.read_text(encoding="utf-8"), python=python))
        flat.flush()
        command = [str(ENVIRONMENTS / "webapp" / "bin" / "python"), "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--only-binary", ":all:", "--python-version", python, "--dest", str(folder)]
        command += [word for platform in PLATFORMS for word in ("--platform", platform)]
        command += ["--find-links", str(sources.wheelhouse)] if sources.wheelhouse else []
        subprocess.run(
            [*command, "-r", flat.name], check=True, env=pip_run.build_environment(sources, environment.full())
        )


def _build_wheel(folder: Path) -> None:
    """Of the files that git knows, so that nothing lying around gets in."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory() as copy:
        for name in filter(None, names.split("\0")):
            if name.startswith(("appliance/", "inference/", "webapp/", "pyproject.toml", "README.md", "LICENSE")):
                target = Path(copy) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, target)
                os.utime(target, (int(SOURCE_DATE), int(SOURCE_DATE)))
        command = [str(ENVIRONMENTS / "webapp" / "bin" / "python"), "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += ["--no-build-isolation", "--wheel-dir", str(folder), copy]
        subprocess.run(command, check=True, env={**environment.full(), "SOURCE_DATE_EPOCH": SOURCE_DATE})


def _make_checkpoint(folder: Path) -> None:
    program = [str(ENVIRONMENTS / "inference" / "bin" / "python"), "-P", "-m", "tests.engines.reciting"]
    subprocess.run(
        [*program, "--folder", str(folder)],
        env={**environment.full(), "PYTHONPATH": str(ROOT)}, check=True, capture_output=True,
    )  # fmt: skip
    assert (folder / MODEL).is_dir()
