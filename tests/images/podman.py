"""podman and buildah, with storage and networks of their own below build/: none of the machine's are touched."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.images.ground import BUILD

RUNTIME = Path(__file__).with_name("runc_without_rlimits")


class PodmanError(Exception):
    """podman or buildah failed; the message holds what it said."""


@dataclass(frozen=True)
class Podman:
    """One storage. Images are kept from run to run, Pods are not."""

    folder: Path = BUILD / "storage"

    def build_storage_options(self) -> list[str]:
        return [
            "--root",
            str(self.folder / "root"),
            "--runroot",
            str(self.folder / "run"),
            "--storage-driver",
            "overlay",
        ]

    def build_command(self, *arguments: str) -> list[str]:
        return [
            "podman", *self.build_storage_options(), "--runtime", str(RUNTIME), "--cgroup-manager", "cgroupfs",
            "--network-config-dir", str(self.folder / "networks"), *arguments,
        ]  # fmt: skip

    def run(self, *arguments: str, stdin: "IO[bytes] | None" = None) -> str:
        """What it printed. Raises :class:`PodmanError`."""
        return execute(self.build_command(*arguments), stdin=stdin)

    def build_image(
        self, containerfile: Path, context: Path, *, tag: str, arguments: dict[str, str], afresh: bool = False
    ) -> None:
        """With buildah, in a chroot: it needs no container runtime. The time is fixed, so that digests are.

        ``afresh`` uses no layer that was built before.
        """
        command = [
            "buildah",
            *self.build_storage_options(),
            "bud",
            "--quiet",
            "--isolation",
            "chroot",
            "--layers",
            *(["--no-cache"] if afresh else []),
        ]
        command += ["--timestamp", "315532800", "--file", str(containerfile), "--tag", tag]
        command += [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        execute([*command, str(context)])


def execute(command: list[str], *, stdin: "IO[bytes] | None" = None) -> str:
    done = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")[-4000:]
        raise PodmanError(f"`{' '.join(command)}` failed with {done.returncode}:\n{said}")
    return done.stdout.decode(errors="replace")
