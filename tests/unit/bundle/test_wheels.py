"""Which wheels another machine needs, and our own, which comes out the same from the same sources."""

import sys
import zipfile
from pathlib import Path

import pytest

from appliance.bundle.wheels import PLATFORMS, build_download_command, flatten_lock, pin_own_wheel
from appliance.settings.environment import REPOSITORY

LOCK = """\
amqp==5.3.1 \\
    --hash=sha256:cddc00c725449522023bad949f70fff7b48f0b1ade74d170a10f10044616d432
    # via kombu
async-timeout==5.0.1 ; python_full_version < '3.11.3' \\
    --hash=sha256:39e3809566ff85354557ec2398b55e096c8364bacac9404a7a1fa429e77fecdb
    # via redis
tzdata==2025.3 ; sys_platform == 'win32' \\
    --hash=sha256:06a47e5700f3081aab02b2e513160914ff0694bce9947d6b76ebd6bf57cfc5d1
"""


def list_names(text: str) -> list[str]:
    return [line.partition("==")[0] for line in text.splitlines() if "==" in line]


@pytest.mark.parametrize(
    ("python", "names"), [("3.11", ["amqp", "async-timeout"]), ("3.12", ["amqp"]), ("3.13", ["amqp"])]
)
def test_flattened_lock_holds_what_that_python_takes_without_conditions(python: str, names: list[str]) -> None:
    flat = flatten_lock(LOCK, python=python)
    assert list_names(flat) == names
    assert " ; " not in flat
    assert flat.count("--hash=sha256:") == len(names)


@pytest.mark.parametrize("lock", ["webapp", "inference-cpu"])
def test_flattened_lock_of_this_release_loses_nothing_but_what_its_conditions_leave_out(lock: str) -> None:
    text = (REPOSITORY / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    unconditional = [line.split("==")[0] for line in text.splitlines() if "==" in line and " ; " not in line]
    assert set(unconditional) <= set(list_names(flatten_lock(text, python="3.11")))


def test_download_command_takes_only_wheels_that_the_lock_names() -> None:
    command = build_download_command(Path("a.lock"), Path("wheels"), python="3.11", wheelhouse=Path("/srv/wheels"))
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    assert command == [
        sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--require-hashes", "--only-binary", ":all:", "--python-version", "3.11", "--dest", "wheels", *platforms,
        "--find-links", "/srv/wheels", "--requirement", "a.lock",
    ]  # fmt: skip


def test_own_wheel_is_the_same_twice_and_holds_what_the_pages_need(tmp_path: Path) -> None:
    pins = set()
    for _ in range(2):
        pin_own_wheel(tmp_path)
        pins.add((tmp_path / "appliance.lock").read_text())
    assert len(pins) == 1
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    ours = ("appliance/", "inference/", "webapp/")
    assert [name for name in names if not name.startswith(ours) and ".dist-info/" not in name] == []
    for suffix in (".html", ".css", ".js", "reference.yaml", "webapp/manage.py"):
        assert any(name.endswith(suffix) for name in names), suffix
