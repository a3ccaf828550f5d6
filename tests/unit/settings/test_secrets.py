"""Secrets are files that only their owner reads, and values that do not print."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from appliance.settings import SecretError, Settings, ensure_secret


def test_secret_is_created_once_with_mode_0600(tmp_path: Path) -> None:
    first = ensure_secret(tmp_path / "secrets", "django")
    file = tmp_path / "secrets" / "django"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert len(first.reveal()) >= 40
    assert ensure_secret(tmp_path / "secrets", "django") == first


def test_secrets_differ_from_each_other(tmp_path: Path) -> None:
    assert ensure_secret(tmp_path, "one").reveal() != ensure_secret(tmp_path, "two").reveal()


def test_secret_never_prints(tmp_path: Path) -> None:
    secret = ensure_secret(tmp_path, "redis")
    shown = f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() not in shown
    assert "********" in shown


def test_settings_do_not_carry_secrets(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    value = settings.secret("django").reveal()
    assert value not in repr(settings)
    assert value not in settings.model_dump_json()


def test_secret_created_by_many_at_once_is_the_same_for_all(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ensure_secret(tmp_path, "raced").reveal(), range(64)))
    assert len(set(found)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["raced"]


@pytest.mark.parametrize("left", ["", "\n"])
def test_secret_that_a_power_loss_emptied_is_refused_with_the_fix(tmp_path: Path, left: str) -> None:
    (tmp_path / "django").write_text(left)
    with pytest.raises(SecretError, match=r"django is empty.*from a backup"):
        ensure_secret(tmp_path, "django")


def test_secret_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    really_sync, really_link = os.fsync, os.link

    def sync(descriptor: int) -> None:
        steps.append(
            "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else f"{os.fstat(descriptor).st_size} bytes"
        )
        really_sync(descriptor)

    def link(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        steps.append("link")
        really_link(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "link", link)
    secret = ensure_secret(tmp_path, "django")
    assert steps == [f"{len(secret.reveal())} bytes", "link", "folder"]


@pytest.mark.parametrize("leads_to", ["theirs", "nothing"])
def test_root_follows_no_link_in_the_place_of_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leads_to: str
) -> None:
    """The folder is the components' user's, which must not be told what only root may read."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (tmp_path / "theirs").write_text("of root alone")
    (folder / "redis").symlink_to(tmp_path / leads_to)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SecretError, match=r"redis is a symbolic link.*from a backup"):
        ensure_secret(folder, "redis")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # a secret that a cluster mounts is a link
    if leads_to == "theirs":
        assert ensure_secret(folder, "redis").reveal() == "of root alone"
