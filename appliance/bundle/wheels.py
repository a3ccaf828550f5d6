"""A wheelhouse: the wheels of one lock and our own, with the locks that pin them. Container images are built from it.

``python -m appliance.bundle.wheels webapp --into build/wheelhouse/webapp`` fills a folder for Linux on x86-64.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from packaging.markers import Marker

from appliance.local.bootstrap import pip_run
from appliance.local.bootstrap.sources import Sources, read_sources
from appliance.settings import environment

LOCKS = ("webapp", "inference-cpu", "inference-cuda")
DISTRIBUTION = "llm-appliance"
# pip knows what a platform takes only for the one it runs on: every C library up to Debian 12's, by all its names.
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(5, 37)), "manylinux2014_x86_64", "manylinux2010_x86_64",
    "manylinux1_x86_64",
)  # fmt: skip
SOURCE_DATE = "315532800"  # the earliest that a wheel can hold: the same sources make the same wheel
SOURCES = ("appliance/", "inference/", "webapp/", "pyproject.toml", "README.md", "LICENSE")


def flatten_lock(text: str, *, python: str) -> str:
    """The packages of a lock that this Python, such as 3.11, takes: pip judges conditions by the one it runs in."""
    there = {
        "python_version": python, "python_full_version": f"{python}.0", "implementation_name": "cpython",
        "platform_python_implementation": "CPython", "os_name": "posix", "sys_platform": "linux",
        "platform_system": "Linux", "platform_machine": "x86_64",
    }  # fmt: skip
    kept = []
    for block in re.split(r"\n(?=[a-z0-9])", text.strip()):
        head, _, hashes = block.partition("\\\n")
        requirement, _, condition = head.partition(" ; ")
        if not condition or Marker(condition.strip()).evaluate(there):
            kept.append(f"{requirement.strip()} \\\n{hashes}\n")
    return "".join(kept)


def build_download_command(lock: Path, folder: Path, *, python: str, wheelhouse: Path | None) -> list[str]:
    """pip, looking for wheels of another Python than its own; a wheel that the lock does not name is refused."""
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--python-version", python, "--dest", str(folder)]
    command += [word for platform in PLATFORMS for word in ("--platform", platform)]
    command += ["--find-links", str(wheelhouse)] if wheelhouse else []
    return [*command, "--requirement", str(lock)]


def collect(lock: Path, folder: Path, *, python: str, sources: Sources) -> None:
    """Fill ``folder``, which is made again: ``requirements.lock``, ``appliance.lock`` and every wheel they name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    download(lock, folder, python=python, sources=sources)
    shutil.copyfile(lock, folder / "requirements.lock")
    pin_own_wheel(folder)


def download(lock: Path, folder: Path, *, python: str, sources: Sources) -> None:
    """The wheels of a lock that this Python takes. Raises CalledProcessError, after pip has said why."""
    with tempfile.NamedTemporaryFile("w", suffix=".lock", encoding="utf-8") as flat:
        flat.write(flatten_lock(lock.read_text(encoding="utf-8"), python=python))
        flat.flush()
        command = build_download_command(Path(flat.name), folder, python=python, wheelhouse=sources.wheelhouse)
        subprocess.run(command, check=True, env=pip_run.build_environment(sources, environment.full()))


def pin_own_wheel(folder: Path) -> None:
    """Make our wheel and ``appliance.lock``, in place of those that are there."""
    for old in folder.glob(f"{DISTRIBUTION.replace('-', '_')}-*.whl"):
        old.unlink()
    wheel = build_wheel(environment.REPOSITORY, folder)
    _, version, *_rest = wheel.name.split("-")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "appliance.lock").write_text(f"{DISTRIBUTION}=={version} --hash=sha256:{digest}\n", encoding="utf-8")


def build_wheel(repository: Path, folder: Path) -> Path:
    """Our own wheel, of the files that git does not ignore."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=repository, check=True, capture_output=True, text=True).stdout.split("\0")
    with tempfile.TemporaryDirectory() as copy:
        for name in names:
            if name.startswith(SOURCES) and (repository / name).is_file():
                (Path(copy) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(repository / name, Path(copy) / name)
        command = [sys.executable, "-P", "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-build-isolation"] if find_spec("setuptools") else []
        subprocess.run(
            [*command, "--wheel-dir", str(folder), copy],
            check=True, env={**environment.full(), "SOURCE_DATE_EPOCH": SOURCE_DATE},
        )  # fmt: skip
    return next(folder.glob(f"{DISTRIBUTION.replace('-', '_')}-*.whl"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="appliance.bundle.wheels", description="Fill a folder with a lock's wheels.")
    parser.add_argument("lock", choices=LOCKS)
    parser.add_argument("--into", type=Path, required=True, help="the folder, which is made again")
    parser.add_argument("--python", default="3.11", help="the Python that will use them (default: 3.11)")
    arguments = parser.parse_args()
    lock = environment.REPOSITORY / "requirements" / f"{arguments.lock}.lock"
    try:
        collect(lock, arguments.into, python=arguments.python, sources=read_sources(environment.config_path()))
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{arguments.into} is incomplete: `{' '.join(error.cmd[:5])} ...` failed, as it says above.\n")
        sys.exit(3)


if __name__ == "__main__":
    main()
