"""Components never run as root; what may be entered decides how they drop from it."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.local import identity
from appliance.local.errors import LocalError
from appliance.local.identity import (
    CAP_DAC_READ_SEARCH,
    build_prefix,
    ensure_identity,
    find_hidden,
    may_pass_on,
)

STRANGER = 64_000


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that everybody may enter: pytest's own belongs to its user alone."""
    folder = Path(tempfile.mkdtemp(prefix="appl-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_prefix_drops_user_group_and_groups() -> None:
    assert build_prefix(7, 8, reachable=True) == ("setpriv", "--reuid=7", "--regid=8", "--clear-groups", "--")


def test_checkout_that_cannot_be_entered_is_read_by_a_capability() -> None:
    assert build_prefix(7, 8, reachable=False) == (
        "setpriv", "--reuid=7", "--regid=8", "--clear-groups",
        "--securebits=+no_setuid_fixup", "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "mode"), [("top", 0o700), ("top/file", 0o600), ("elsewhere", 0o750), ("elsewhere/target", 0o640)]
)
def test_what_another_user_cannot_read_is_found_also_behind_a_link(open_folder: Path, path: str, mode: int) -> None:
    top, elsewhere = open_folder / "top", open_folder / "elsewhere"
    for folder in (top, elsewhere):
        folder.mkdir()
        folder.chmod(0o755)
    for file in (top / "file", elsewhere / "target"):
        file.touch()
        file.chmod(0o644)
    (top / "link").symlink_to(elsewhere / "target")
    needed = [top / "file", top / "link", open_folder / "absent"]
    assert find_hidden(needed, uid=STRANGER, gid=STRANGER) is None
    (open_folder / path).chmod(mode)
    assert find_hidden(needed, uid=STRANGER, gid=STRANGER) == open_folder / path


def test_folder_that_is_passed_through_need_not_be_listed(open_folder: Path) -> None:
    open_folder.chmod(0o711)
    assert find_hidden([open_folder], uid=STRANGER, gid=STRANGER) == open_folder
    assert find_hidden([], [open_folder], uid=STRANGER, gid=STRANGER) is None


@pytest.mark.parametrize(
    ("bounding", "expected"), [("000001ffffffffff", True), ("00000000a80425fb", False), ("0", False)]
)
def test_capability_is_passed_on_only_within_the_bounding_set(bounding: str, expected: bool) -> None:
    """The second set is what a container has by default."""
    status = f"Name:\tpython\nCapEff:\t000001ffffffffff\nCapBnd:\t{bounding}\n"
    assert may_pass_on(status, CAP_DAC_READ_SEARCH) is expected


def test_root_without_the_capability_is_told_to_move_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "status").write_text("CapBnd:\t00000000a80425fb\n")
    monkeypatch.setattr(identity, "STATUS", tmp_path / "status")
    monkeypatch.setattr(os, "getuid", lambda: 0)
    nobody = pwd.getpwnam("nobody")
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: nobody)
    (tmp_path / "checkout").mkdir(mode=0o700)
    with pytest.raises(LocalError, match=r"cannot be read by the system user.*move the checkout to /opt"):
        ensure_identity(tmp_path / "checkout")


def test_looking_makes_no_system_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise AssertionError("made")

    def find_nobody(_name: str) -> None:
        raise KeyError

    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", find_nobody)
    monkeypatch.setattr(identity, "_create_user", fail)
    assert ensure_identity(Path("/"), may_create=False).prefix == ()
    with pytest.raises(AssertionError, match="made"):
        ensure_identity(Path("/"))
