"""What the components' user lays in its folders sends nothing that root writes elsewhere."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.local.identity import Identity
from appliance.local.instance import LocalAppliance
from appliance.local.management import Management
from appliance.local.postgres import EmbeddedPostgres
from appliance.local.prepared import Prepared, write_prepared
from appliance.local.redis import EmbeddedRedis
from appliance.local.supervisor import Supervisor
from appliance.programs import Installation
from appliance.settings import Settings, SettingsError
from appliance.settings.files import open_kept, write_whole

MYSELF = Identity(os.getuid(), os.getgid(), ())
THEIRS = "a line of somebody else's\n"
Write = Callable[[Settings, Installation], object]


def _write_redis(settings: Settings, _installation: Installation) -> None:
    EmbeddedRedis(settings, MYSELF).initialise()


def _write_postgres(settings: Settings, _installation: Installation) -> None:
    EmbeddedPostgres(settings, MYSELF).initialise()


def _write_supervisor(settings: Settings, _installation: Installation) -> None:
    Supervisor(settings, MYSELF).write_configuration("[supervisord]\n")


def _write_prepared(settings: Settings, _installation: Installation) -> None:
    write_prepared(settings, MYSELF, Prepared())


def _write_log(settings: Settings, installation: Installation) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "it failed\n")
    Management(settings, MYSELF, installation)._keep(["migrate"], failed)


def _write_lock(settings: Settings, installation: Installation) -> None:
    with LocalAppliance(settings, installation).only_one_change():
        pass


REPLACED = {
    "redis/redis.conf": _write_redis,
    "postgres/postgresql.conf": _write_postgres,
    "postgres/postgresql.auto.conf": _write_postgres,
    "run/supervisord.conf": _write_supervisor,
    "run/prepared.json": _write_prepared,
}
REFUSED = {"log/manage.log": _write_log, "appliance.lock": _write_lock}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, Installation, Path]:
    """A data directory with a made cluster, and a file that is none of the appliance's; whoever runs this is root."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    settings = Settings(data_dir=tmp_path / "var")
    for name in ("redis", "postgres", "run", "log"):
        (settings.data_dir / name).mkdir(parents=True)
    (settings.data_dir / "postgres" / "appliance.ready").touch()
    theirs = tmp_path / "etc" / "theirs"
    theirs.parent.mkdir()
    theirs.write_text(THEIRS)
    return settings, Installation(tmp_path, tmp_path / "appliance.yaml", Path("python")), theirs


@pytest.mark.parametrize("name", REPLACED)
def test_link_in_the_place_of_a_file_is_replaced_and_its_target_left_alone(
    site: tuple[Settings, Installation, Path], name: str
) -> None:
    settings, installation, theirs = site
    file = settings.data_dir / name
    file.symlink_to(theirs)
    REPLACED[name](settings, installation)
    assert theirs.read_text() == THEIRS
    status = file.lstat()
    assert (stat.S_ISREG(status.st_mode), stat.S_IMODE(status.st_mode)) == (True, 0o600)
    assert [entry.name for entry in file.parent.iterdir() if entry.name.startswith(".")] == []


@pytest.mark.parametrize("name", REFUSED)
def test_link_in_the_place_of_what_is_added_to_or_locked_is_refused(
    site: tuple[Settings, Installation, Path], name: str
) -> None:
    settings, installation, theirs = site
    (settings.data_dir / name).symlink_to(theirs)
    with pytest.raises(SettingsError, match=rf"{Path(name).name} is a symbolic link.*Remove it"):
        REFUSED[name](settings, installation)
    assert theirs.read_text() == THEIRS


@pytest.mark.parametrize("name", [*REPLACED, "log/manage.log"])
def test_link_in_the_place_of_a_folder_is_refused(site: tuple[Settings, Installation, Path], name: str) -> None:
    settings, installation, theirs = site
    folder = (settings.data_dir / name).parent
    (theirs.parent / "appliance.ready").touch()
    for entry in folder.iterdir():
        entry.unlink()
    folder.rmdir()
    folder.symlink_to(theirs.parent)
    before = sorted(theirs.parent.iterdir())
    with pytest.raises(SettingsError, match=rf"{folder.name} is a symbolic link"):
        (REPLACED | REFUSED)[name](settings, installation)
    assert sorted(theirs.parent.iterdir()) == before


def test_old_file_stays_when_the_new_one_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "redis.conf"
    file.write_text("old\n")

    def fail(*_arguments: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, "new\n")
    assert file.read_text() == "old\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["redis.conf"]


def test_what_root_writes_is_the_components_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda file, uid, gid: given.append((os.fstat(file).st_ino, uid, gid)))
    write_whole(tmp_path / "redis.conf", "requirepass\n", mode=0o600, owner=(64_000, 64_001))
    with open_kept(tmp_path / "manage.log", "a", rights=0o600) as log:
        log.write("$ manage\n")
    found = [(tmp_path / name).stat() for name in ("redis.conf", "manage.log")]
    assert [stat.S_IMODE(status.st_mode) for status in found] == [0o600, 0o600]
    assert given == [(found[0].st_ino, 64_000, 64_001)]
