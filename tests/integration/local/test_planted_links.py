"""What root does in the folders of the unprivileged user, who puts links where root is about to write.

Where root runs these tests, that user is another one. Anybody else plays both: the rules of root are asked for, and
what is outside would be changed without them.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from appliance.local import acknowledgements, inference_program, model_choice
from appliance.local.directories import ensure_directories, ensure_folder
from appliance.local.errors import LocalError
from appliance.local.identity import Identity, build_prefix
from appliance.local.instance import LocalAppliance
from appliance.local.management import Management
from appliance.local.postgres import EmbeddedPostgres
from appliance.local.prepared import Prepared, forget_prepared, write_prepared
from appliance.local.redis import EmbeddedRedis
from appliance.local.supervisor import Supervisor
from appliance.programs import Installation
from appliance.settings import Settings, SettingsError, files
from inference.quantization import publishing
from inference.registry.errors import ModelError
from inference.registry.importing import Names, import_model
from inference.registry.pins import write_pins
from inference.registry.store import list_stored, only_one_change, remove
from inference.registry.tree import Files, list_files
from inference.serving.turns import give_up, wait_again
from tests.unit.inference.model_folders import write_model
from tests.unit.inference.test_bad_directories import Quiet

USER = 12345
SECRET = "root:what only root may read\n"
URL = "http://127.0.0.1:8123"
Placed = tuple[Settings, Identity]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of root's with a file in it that nobody else may read or change."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "passwd").write_text(SECRET)
    (folder / "passwd").chmod(0o600)
    return folder


@pytest.fixture(autouse=True)
def unchanged(outside: Path) -> Iterator[None]:
    """At the end of every test the folder and its file are as they were: contents, owner and mode."""

    def look() -> dict[str, tuple[int, int, int]]:
        seen = {path.name: path.lstat() for path in (outside, *outside.iterdir())}
        return {name: (of.st_uid, of.st_gid, of.st_mode) for name, of in seen.items()}

    before = look()
    yield
    assert look() == before
    assert (outside / "passwd").read_text() == SECRET


@pytest.fixture
def placed(tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch) -> Placed:
    """A data directory as ``up`` makes it as root, whose user is not root."""
    assert outside.is_dir()
    is_root = os.geteuid() == 0
    user, group = (USER, USER) if is_root else (os.getuid(), os.getgid())
    identity = Identity(user, group, build_prefix(user, group, reachable=True) if is_root else ())
    monkeypatch.setattr(files, "is_root", lambda: True)
    settings = Settings(data_dir=tmp_path / "var")
    ensure_directories(settings, identity)
    if is_root:
        assert settings.data_dir.stat().st_uid == USER
    return settings, identity


def plant(target: Path, place: Path) -> None:
    """A symbolic link in place of what is there."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def build_local(placed: Placed, monkeypatch: pytest.MonkeyPatch) -> LocalAppliance:
    monkeypatch.setattr(LocalAppliance, "identity", placed[1])
    root = Path(__file__).parents[3]
    return LocalAppliance(placed[0], Installation(root, root / "appliance.yaml", Path("/bin/false")))


# What root writes, each by its folder below the data directory, its name there and the call that writes it.
def write_redis(placed: Placed) -> None:
    EmbeddedRedis(*placed).initialise()


def write_postgres(placed: Placed) -> None:
    """A cluster that is there: only its configuration is written."""
    postgres = EmbeddedPostgres(*placed)
    if not postgres.cluster.exists():
        ensure_folder(postgres.cluster, placed[1], mode=0o700)
        (postgres.cluster / "appliance.ready").touch()
    postgres.initialise()


def write_supervisor(placed: Placed) -> None:
    Supervisor(*placed).write_configuration("[supervisord]\n")


def note_prepared(placed: Placed) -> None:
    write_prepared(*placed, Prepared("release"))


def keep_log(placed: Placed) -> None:
    root = Path(__file__).parents[3]
    installation = Installation(root, root / "appliance.yaml", Path("/bin/false"))
    with contextlib.suppress(LocalError):  # the program is /bin/false
        Management(*placed, installation).run("migrate")


def give_engine_up(placed: Placed) -> None:
    give_up(placed[0].run_dir, URL)


def lock_appliance(placed: Placed) -> None:
    root = Path(__file__).parents[3]
    local = LocalAppliance(placed[0], Installation(root, root / "appliance.yaml", Path("/bin/false")))
    with local.only_one_change():
        pass


def activate(placed: Placed) -> None:
    model_choice.write_activation(placed[0], model_choice.Activation(hub_id="a/b", revision="main"))


def acknowledge(placed: Placed) -> None:
    one = acknowledgements.Acknowledgement("id", "at", "A Name", "user", "model", "mit", "MIT", "text", "card")
    acknowledgements.keep(placed[0], one)


def pin(placed: Placed) -> None:
    write_pins(placed[0].data_dir / "model", {})


def lock_store(placed: Placed) -> None:
    with only_one_change(placed[0].data_dir / "model"):
        pass


WRITES: dict[str, Callable[[Placed], None]] = {
    "redis/redis.conf": write_redis,
    "postgres/postgresql.conf": write_postgres,
    "postgres/postgresql.auto.conf": write_postgres,
    "run/supervisord.conf": write_supervisor,
    "run/prepared.json": note_prepared,
    "run/given-up-8123": give_engine_up,
    "log/manage.log": keep_log,
    "appliance.lock": lock_appliance,
    "model/active.json": activate,
    "model/pins.json": pin,
    "model/.lock": lock_store,
}  # fmt: skip
MADE_ANEW = frozenset(WRITES) - {"log/manage.log", "appliance.lock", "model/.lock"}  # those are gone on with
IN_FOLDERS = {**WRITES, "model/licences.json": acknowledge}


@pytest.mark.parametrize("kind", ["symbolic", "dangling", "hard"])
@pytest.mark.parametrize("name", WRITES)
def test_link_in_place_of_a_file_is_not_written_through(placed: Placed, outside: Path, name: str, kind: str) -> None:
    write, file = WRITES[name], placed[0].data_dir / name
    write(placed)
    target = outside / ("none" if kind == "dangling" else "passwd")
    if kind == "hard":
        file.unlink()
        os.link(target, file)
    else:
        plant(target, file)
    is_given_away = bool(placed[1].prefix) and (kind, file.parent.name) == ("hard", "postgres")  # the whole cluster is
    if name in MADE_ANEW and not is_given_away:
        write(placed)
        assert stat.S_ISREG(file.lstat().st_mode)
        assert file.stat().st_nlink == 1
    else:
        with pytest.raises(SettingsError, match=rf"{file.name} .*link.*Remove"):
            write(placed)
    if kind == "hard":
        file.unlink(missing_ok=True)


@pytest.mark.parametrize("name", [name for name in IN_FOLDERS if "/" in name])
def test_link_in_place_of_a_folder_is_refused(placed: Placed, outside: Path, name: str) -> None:
    write, folder = IN_FOLDERS[name], placed[0].data_dir / Path(name).parent
    write(placed)
    plant(outside, folder)
    with pytest.raises(SettingsError, match=rf"{folder.name}.*symbolic link.*Remove"):
        write(placed)
    assert [path.name for path in outside.iterdir()] == ["passwd"]


def test_what_root_writes_for_the_components_is_theirs_alone(placed: Placed) -> None:
    settings, identity = placed
    for name, write in WRITES.items():
        write(placed)
        if name.endswith(".conf"):
            status = (settings.data_dir / name).stat()
            assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (identity.uid, 0o600), name


def test_what_is_removed_lies_in_the_appliances_own_folder(placed: Placed, outside: Path) -> None:
    settings, _ = placed
    for name in ("prepared.json", "given-up-8123", "supervisor.sock", "active.json"):
        (outside / name).touch()
    plant(outside, settings.run_dir)
    plant(outside, settings.data_dir / "model")
    for call in (
        lambda: forget_prepared(settings), lambda: wait_again(settings.run_dir, URL),
        lambda: Supervisor(*placed).start(), lambda: model_choice.write_activation(settings, None),
    ):  # fmt: skip
        with pytest.raises(SettingsError, match="symbolic link"):
            call()
    assert len(list(outside.iterdir())) == 5
    for name in ("prepared.json", "given-up-8123", "supervisor.sock", "active.json"):
        (outside / name).unlink()


def test_cluster_that_is_a_link_is_not_emptied(placed: Placed, outside: Path) -> None:
    """A cluster that is not ready is made again, and what is there is removed first."""
    plant(outside, placed[0].data_dir / "postgres")
    with pytest.raises(SettingsError, match="postgres is a symbolic link"):
        EmbeddedPostgres(*placed).initialise()


def test_link_to_a_secret_of_roots_is_not_handed_on(placed: Placed, outside: Path) -> None:
    settings, _ = placed
    EmbeddedRedis(*placed).initialise()
    for link in (Path.symlink_to, Path.hardlink_to):
        (settings.secrets_dir / "redis").unlink()
        link(settings.secrets_dir / "redis", outside / "passwd")
        with pytest.raises(SettingsError, match=r"secrets/redis .*link.*Remove"):
            EmbeddedRedis(*placed).initialise()
        assert SECRET.strip() not in (settings.data_dir / "redis/redis.conf").read_text()
    (settings.secrets_dir / "redis").unlink()


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_folder_is_given_away_without_what_is_linked_into_it(
    placed: Placed, outside: Path, link: Callable[[Path, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, identity = placed
    if not identity.prefix:
        identity = Identity(identity.uid + 1, identity.gid, ("setpriv", "--"))
        monkeypatch.setattr(os, "fchown", lambda *_to: None)
    work = settings.data_dir / "work"
    work.mkdir()
    link(work / "mine", outside / "passwd")
    if link is Path.hardlink_to:
        with pytest.raises(SettingsError, match=r"mine.*second name.*Remove"):
            identity.own(work)
    else:
        identity.own(work)
    shutil.rmtree(work)


def test_folder_below_a_link_is_not_given_away(placed: Placed, outside: Path) -> None:
    (outside / "redis").mkdir()
    plant(outside, placed[0].run_dir)
    with pytest.raises(SettingsError, match="symbolic link"):
        EmbeddedRedis(*placed).initialise()
    assert (outside / "redis").stat().st_uid == outside.stat().st_uid
    (outside / "redis").rmdir()


def test_data_directory_in_the_users_own_folder_is_refused(placed: Placed, tmp_path: Path) -> None:
    """Its user could put a link in the place of it, between one command and the next."""
    _, identity = placed
    if os.getuid() != 0:
        return  # every folder here is that user's
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, identity.uid, identity.gid)
    with pytest.raises(SettingsError, match=r"home.*may be changed by.*data_dir"):
        ensure_directories(Settings(data_dir=home / "var"), identity)
    assert list(home.iterdir()) == []


class Swaps(Quiet):
    """While the model is copied, the engine's user puts something else in the place of the draft."""

    def __init__(self, models_dir: Path, put: Callable[[Path], object]) -> None:
        super().__init__()
        self.models_dir, self.put = models_dir, put

    def advance(self, done_bytes: int) -> None:
        if not (aside := self.models_dir / "aside").exists():
            [draft] = self.models_dir.glob(".importing-*")
            draft.rename(aside)
            self.put(draft)


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_draft_that_is_replaced_changes_nothing_of_what_is_imported(
    placed: Placed, tmp_path: Path, outside: Path, kind: str
) -> None:
    models_dir = placed[0].data_dir / "model"

    def put(draft: Path) -> None:
        if kind == "link":
            draft.symlink_to(outside)
            return
        for folder in (draft, draft / "model"):
            shutil.copytree(tmp_path / "m", folder)
            (folder / "config.json").write_text("{}")
            (folder / "mine").symlink_to(outside / "passwd")

    source = write_model(tmp_path / "m")
    done = import_model(source, models_dir=models_dir, names=Names(), progress=Swaps(models_dir, put))
    assert list_stored(models_dir) == [done.stored]
    assert {file.name: file.read_bytes() for file in source.iterdir()}.items() <= {
        file.name: file.read_bytes() for file in done.stored.folder.iterdir()
    }.items()
    assert not (done.stored.folder / "mine").is_symlink()
    assert [path.name for path in outside.iterdir()] == ["passwd"]


def test_store_that_is_a_link_is_neither_imported_into_nor_removed_from(
    placed: Placed, tmp_path: Path, outside: Path
) -> None:
    models_dir = placed[0].data_dir / "model"
    stored = import_model(write_model(tmp_path / "m"), models_dir=models_dir, names=Names(), progress=Quiet()).stored
    models_dir.rename(tmp_path / "elsewhere")
    plant(tmp_path / "elsewhere", models_dir)
    with pytest.raises(SettingsError, match="symbolic link"):
        import_model(write_model(tmp_path / "n"), models_dir=models_dir, names=Names(), progress=Quiet())
    with pytest.raises(SettingsError, match="symbolic link"):
        remove(stored, models_dir=models_dir)
    assert (tmp_path / "elsewhere" / stored.folder.name).is_dir()


def test_file_that_changed_since_it_was_listed_is_not_copied(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parent's folder may be the engine's user's: between looking and reading, it leads somewhere else."""
    parent, output = tmp_path / "parent", tmp_path / "output"
    (parent / "below").mkdir(parents=True)
    output.mkdir()
    (parent / "below/passwd").write_text("mine")

    def list_then_swap(root: Path) -> Files:
        found = list_files(root)
        plant(outside, parent / "below")
        return found

    monkeypatch.setattr(publishing, "list_files", list_then_swap)
    with pytest.raises(ModelError, match="changed while it was read"):
        publishing.copy_rest(parent, output)
    assert not any(SECRET in file.read_text() for file in output.rglob("*") if file.is_file())


class SwapsFolder(Mapping[str, bytes]):
    """Files for a program's folder; asked for them, it puts a link in the place of that one."""

    def __init__(self, data_dir: Path, target: Path) -> None:
        self.data_dir, self.target = data_dir, target

    def __iter__(self) -> Iterator[str]:
        for folder in self.data_dir.glob("work-*"):
            folder.rename(self.data_dir / "aside")
            folder.symlink_to(self.target)
        return iter(("text",))

    def __getitem__(self, name: str) -> bytes:
        return b"what was asked"

    def __len__(self) -> int:
        return 1


def test_programs_folder_that_is_replaced_leads_nowhere(
    placed: Placed, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = build_local(placed, monkeypatch)
    contents = SwapsFolder(placed[0].data_dir, outside)
    with inference_program.working_folder(local, "work", contents) as folder:
        assert folder.is_symlink()
    assert (placed[0].data_dir / "aside/text").read_bytes() == b"what was asked"
    assert (placed[0].data_dir / "aside/text").stat().st_uid == placed[1].uid
    assert [path.name for path in outside.iterdir()] == ["passwd"]


def test_lock_of_an_abandoned_folder_that_is_a_link_is_left_alone(placed: Placed, outside: Path) -> None:
    abandoned = placed[0].data_dir / "work-dead"
    abandoned.mkdir()
    (abandoned / inference_program.LOCK).symlink_to(outside / "passwd")
    inference_program.remove_abandoned(placed[0].data_dir, "work")
    assert abandoned.is_dir()
