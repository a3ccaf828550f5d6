"""Bare Debian systems as folders, kept below build/ so that a second run has them."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.install.ground import BUILD

MIRROR = "http://deb.debian.org/debian"
# What a server has before we come: an init system, SSH, and the Python that Ansible needs.
INCLUDE = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "iproute2", "ca-certificates", "procps", "kmod",
    "netbase",
)  # fmt: skip
RECIPE = 1  # grows when a tree would come out different
INDEX_RECIPE = 2  # grows when an index would


def ensure_tree(suite: str) -> Path:
    """The unpacked system of a Debian suite, such as trixie."""
    tree = BUILD / "base" / suite
    stamp = tree.with_name(f"{suite}.stamp")
    if stamp.exists() and stamp.read_text() == str(RECIPE):
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={','.join(INCLUDE)}", suite, str(tree), MIRROR],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    )  # fmt: skip
    for key in tree.glob("etc/ssh/ssh_host_*"):
        key.unlink()  # each host makes its own
    stamp.write_text(str(RECIPE))
    return tree


def download_packages(suite: str, packages: list[str], folder: Path) -> None:
    """Fetch the packages, and all that the bare system lacks for them, as .deb files into ``folder``."""
    tree, archives = ensure_tree(suite), Path("var/cache/apt/archives")
    resolver = tree / "etc" / "resolv.conf"
    shutil.copy("/etc/resolv.conf", resolver)
    for command in (["update", "--quiet"], ["install", "--yes", "--download-only", *packages]):
        subprocess.run(
            ["chroot", str(tree), "apt-get", "-o", "APT::Install-Recommends=false", *command],
            check=True, stdout=subprocess.DEVNULL, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
        )  # fmt: skip
    resolver.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for package in sorted((tree / archives).glob("*.deb")):
        shutil.move(package, folder / package.name.replace("%3a", "_"))
    (folder / "Packages").write_text(build_index(folder), encoding="utf-8")


def build_index(folder: Path) -> str:
    """apt's index of a folder of packages. Without sums apt refuses to install from it."""
    entries = []
    for package in sorted(folder.glob("*.deb")):
        fields = subprocess.run(
            ["dpkg-deb", "--field", str(package)], check=True, capture_output=True, text=True
        ).stdout
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        found = f"Filename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {digest}\n"
        entries.append(f"{fields.rstrip()}\n{found}")
    return "\n".join(entries)
