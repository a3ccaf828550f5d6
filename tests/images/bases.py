"""Base images from Debian's archive, without a registry: debootstrap's output is imported. Kept once made."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.images.ground import BUILD
from tests.images.podman import Podman

MIRROR = "http://deb.debian.org/debian"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RECIPE = 1  # grows when an image would come out different
# Devices, which a container has of its own, and what no program reads: documentation, translations, what apt keeps.
LEFT_OUT = (
    "./dev", "./usr/share/doc", "./usr/share/man", "./usr/share/info", "./usr/share/locale", "./usr/share/lintian",
    "./var/cache/apt", "./var/lib/apt/lists", "./var/log",
)  # fmt: skip


@dataclass(frozen=True)
class Base:
    """A Debian suite with some packages."""

    name: str
    suite: str
    packages: tuple[str, ...]

    @property
    def tag(self) -> str:
        return f"{self.suite}-{RECIPE}"

    @property
    def reference(self) -> str:
        return f"localhost/{self.name}:{self.tag}"


PYTHON = Base("appliance-base", "bookworm", ("ca-certificates", "python3", "python3-venv"))
# A stand-in for a site's PostgreSQL and for an image of Valkey: Debian's own packages.
STATE = Base("appliance-state", "trixie", ("valkey-server", "postgresql-17", "postgresql-17-pgvector"))


def ensure_base(podman: Podman, base: Base) -> str:
    """The image's reference."""
    if not podman.run("images", "--quiet", base.reference).strip():
        tree = BUILD / "trees" / base.name
        shutil.rmtree(tree, ignore_errors=True)
        tree.parent.mkdir(parents=True, exist_ok=True)
        try:
            _bootstrap(base, tree)
            _import(podman, base, tree)
        finally:
            shutil.rmtree(tree, ignore_errors=True)
    return base.reference


def _bootstrap(base: Base, tree: Path) -> None:
    packages = ",".join(base.packages)
    command = ["debootstrap", "--variant=minbase", f"--include={packages}", base.suite, str(tree), MIRROR]
    log = tree.with_suffix(".log")
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, f"{base.suite} could not be made:\n{log.read_text(errors='replace')[-3000:]}"


def _import(podman: Podman, base: Base, tree: Path) -> None:
    command = ["tar", "--create", "--directory", str(tree), "--sort=name", "--mtime=@315532800", "--numeric-owner"]
    command += [*(f"--exclude={path}/*" for path in LEFT_OUT), "."]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tar:
        podman.run("import", "--quiet", "--change", f"ENV PATH={PATH}", "-", base.reference, stdin=tar.stdout)
    assert tar.returncode == 0
