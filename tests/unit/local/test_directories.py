"""The data directory is the appliance's own; what was somebody else's stays theirs."""

import os
from pathlib import Path

import pytest

from appliance.local.directories import ensure_directories
from appliance.local.errors import LocalError
from appliance.local.identity import Identity
from appliance.settings import Settings
from appliance.settings.files import UnsafePathError

MYSELF = Identity(os.getuid(), os.getgid(), ())


def test_folder_with_other_things_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www/index.html").touch()
    with pytest.raises(LocalError, match=r"holds other things \(www\).*data_dir in appliance\.yaml"):
        ensure_directories(Settings(data_dir=tmp_path), MYSELF)
    assert [entry.name for entry in tmp_path.iterdir()] == ["www"]


@pytest.mark.parametrize("there", [(), ("lost+found", "appliance.lock"), ("secrets", "anything")])
def test_empty_folder_and_an_appliances_own_are_used(tmp_path: Path, there: tuple[str, ...]) -> None:
    for name in there:
        (tmp_path / name).mkdir()
    ensure_directories(Settings(data_dir=tmp_path), MYSELF)
    assert {"secrets", "log", "run", "cache", "model"} <= {entry.name for entry in tmp_path.iterdir()}


def test_interrupted_first_start_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.mkdir

    def interrupt(path: str | Path, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if Path(path).name in {"log", "cache", "model"}:
            raise KeyboardInterrupt
        really(path, mode, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ensure_directories(Settings(data_dir=tmp_path / "var"), MYSELF)
    ensure_directories(Settings(data_dir=tmp_path / "var"), MYSELF)
    assert (tmp_path / "var/cache").is_dir()


@pytest.fixture
def given_away(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Inodes whose owner was changed; only root could really do it."""
    found: list[int] = []

    def change(
        name: str | int, _uid: int, _gid: int, *, dir_fd: int | None = None, follow_symlinks: bool = True
    ) -> None:
        found.append(os.stat(name, dir_fd=dir_fd, follow_symlinks=follow_symlinks).st_ino)

    monkeypatch.setattr(os, "chown", change)
    monkeypatch.setattr(os, "fchown", change)
    return found


def test_only_what_is_below_is_given_away(
    tmp_path: Path, given_away: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours / "inner", theirs):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    (ours / "link").symlink_to(theirs)
    (ours / "file-link").symlink_to(theirs / "file")
    (tmp_path / "top").symlink_to(theirs)
    identity = Identity(7, 8, ("setpriv", "--"))
    identity.own(ours)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(UnsafePathError, match="top is a symbolic link"):
        identity.own(tmp_path / "top")
    expected = {path.lstat().st_ino for path in (ours, ours / "inner", ours / "inner/file")}
    assert set(given_away) == expected
