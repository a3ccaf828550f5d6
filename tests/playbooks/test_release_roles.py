"""The playbooks' role for environments, run by Ansible on this machine: what runs is not touched by an installation."""

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks import playing

PRUNE = {"ansible.builtin.include_role": {"name": "environment", "tasks_from": "prune"}}


class Host:
    """One folder that stands for a host, and for the offline set on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.code, self.set = folder, folder / "code", folder / "set"
        (self.set / "requirements").mkdir(parents=True)
        (self.set / "requirements" / "webapp.lock").write_text("# nothing more\n")
        (self.set / "wheels" / "webapp").mkdir(parents=True)
        self.code.mkdir()
        playing.write_play(folder / "play.yml", roles=["environment"], tasks=[PRUNE])

    def install(self, version: str, *, broken: bool = False, write: bool = True) -> "subprocess.CompletedProcess[str]":
        wheel = f"ours-{version}-py3-none-any.whl"
        if write:
            self.write_wheel(wheel, version, broken=broken)
        return self.play(wheel, version)

    def write_wheel(self, wheel: str, version: str, *, broken: bool) -> None:
        with zipfile.ZipFile(self.set / wheel, "w") as archive:
            archive.writestr("ours.py", f"version = {version!r}\n")
            info = f"ours-{version}.dist-info"
            if not broken:
                archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: ours\nVersion: {version}\n")
                archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
                archive.writestr(f"{info}/RECORD", "")

    def play(self, wheel: str, version: str) -> "subprocess.CompletedProcess[str]":
        variables: dict[str, Any] = {
            "environment_name": "webapp",
            "environment_lock": "webapp",
            "appliance_wheel": wheel,
            "appliance_sums": {"requirements/webapp.lock": "a" * 64, wheel: version * 8},
            "appliance_host": {"paths": {"code": str(self.code), "offline_set": str(self.set)}},
        }
        return playing.play(self.folder, self.folder / "play.yml", variables)

    def read_version(self, name: str = "webapp") -> str:
        done = subprocess.run(
            [str(self.code / name / "bin" / "python"), "-c", "import ours; print(ours.version)"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def list_releases(self) -> list[str]:
        return sorted(path.name for path in (self.code / "releases").iterdir())


@pytest.mark.timeout(300)
def test_release_is_made_beside_what_runs_and_the_one_before_is_kept(tmp_path: Path) -> None:
    host = Host(tmp_path)
    # As a version before releases had names left it.
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", str(host.code / "webapp")], check=True)
    assert host.install("1").returncode == 0
    first = (host.code / "webapp").resolve()
    assert (host.read_version(), host.list_releases()) == ("1", [first.name])

    assert host.install("2", broken=True).returncode != 0
    assert (host.code / "webapp").resolve() == first
    assert host.read_version() == "1"

    assert host.install("2").returncode == 0
    assert (host.read_version(), host.read_version("webapp.previous")) == ("2", "1")

    (host.set / "ours-1-py3-none-any.whl").write_text("going back reads no wheel")
    back = host.install("1", write=False)
    assert back.returncode == 0, back.stdout
    assert (host.read_version(), host.read_version("webapp.previous")) == ("1", "2")
    assert len(host.list_releases()) == 2
