"""What an import leaves behind: a whole model, or the store as it was."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

import pytest

from appliance.settings import environment
from inference.registry import draft, importing
from inference.registry.errors import CheckpointMissingError
from inference.registry.importing import Imported, Names, RevisionMovedError, SpaceMissingError, StoredChangedError
from inference.registry.intake import ImportRefusedError, SourceChangedError
from inference.registry.manifest import parse_manifest
from inference.registry.origin import find_hub_id
from inference.registry.refusals import FileChangedError, LinkInCheckpointError
from inference.registry.store import (
    NotStoredError,
    StoreBusyError,
    get_stored,
    list_stored,
    only_one_change,
    remove,
    write_imported,
)
from inference.registry.verification import verify
from tests.unit.inference.model_folders import FIRST, snapshot, write_model
from tests.unit.inference.test_bad_directories import Quiet

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PATIENCE_SECONDS = 30


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "model"
    folder.mkdir(parents=True)
    return folder


def bring(source: Path, models_dir: Path, **names: str) -> Imported:
    return importing.import_model(source, models_dir=models_dir, names=Names(**names), progress=Quiet())


def write_hub_cache(folder: Path, *, commit: str = COMMIT) -> Path:
    """As a hub client lays it out: one blob a file, and a snapshot of links to them."""
    cache = folder / "models--house--small"
    model = write_model(folder / "plain")
    for part in ("blobs", "refs", f"snapshots/{commit}"):
        (cache / part).mkdir(parents=True)
    (cache / "refs" / "main").write_text(commit)
    for number, file in enumerate(sorted(model.iterdir())):
        file.rename(cache / "blobs" / f"{number:040}")
        (cache / "snapshots" / commit / file.name).symlink_to(f"../../blobs/{number:040}")
    return cache


def test_directory_becomes_a_model_with_its_sums(tmp_path: Path, models_dir: Path) -> None:
    source = write_model(tmp_path / "My model")
    done = bring(source, models_dir)
    assert (done.stored.name, done.was_there, done.files) == ("My-model", False, 7)
    assert done.stored.folder == models_dir / f"My-model@{done.stored.revision}"
    for name, content in snapshot(source).items():
        assert (done.stored.folder / name).read_bytes() == content
    check = ["sha256sum", "--check", "--quiet", "MANIFEST"]
    assert subprocess.run(check, cwd=done.stored.folder, check=False).returncode == 0
    assert verify(done.stored.folder, models_dir=models_dir).read_bytes == 0


def test_what_a_model_says_it_was_quantised_from_is_not_the_stores_word(tmp_path: Path, models_dir: Path) -> None:
    """The file stays; neither licence nor parsers are taken from it, whatever marker came with it."""
    source = write_model(tmp_path / "m")
    (source / "quantized.json").write_text(json.dumps({"schema_version": 1, "parent": {"hub_id": "Qwen/Qwen3-8B"}}))
    write_imported(source, name="m", revision="1", kind="quantized")
    folder = bring(source, models_dir).stored.folder
    assert (folder / "quantized.json").is_file()
    assert (find_hub_id(source), find_hub_id(folder)) == ("Qwen/Qwen3-8B", None)


def test_stored_files_are_for_everybody_to_read_and_nobody_else_to_change(tmp_path: Path, models_dir: Path) -> None:
    source = write_model(tmp_path / "m")
    (source / "notes").mkdir()
    (source / "notes" / "LICENSE").write_text("x")
    for path in (source, *source.rglob("*")):
        path.chmod(0o700)
    before = os.umask(0o077)
    try:
        folder = bring(source, models_dir).stored.folder
    finally:
        os.umask(before)
    modes = {(path.is_dir(), oct(path.stat().st_mode & 0o777)) for path in (folder, *folder.rglob("*"))}
    assert modes == {(True, "0o755"), (False, "0o644")}
    assert {oct(path.stat().st_mode & 0o777) for path in (models_dir / "verified").iterdir()} == {"0o644"}
    assert verify(folder, models_dir=models_dir).read_bytes == 0


def test_same_model_twice_is_there_already(tmp_path: Path, models_dir: Path) -> None:
    source = write_model(tmp_path / "m")
    first = bring(source, models_dir)
    before = snapshot(models_dir)
    again = bring(source, models_dir)
    assert (again.was_there, again.stored) == (True, first.stored)
    assert snapshot(models_dir).keys() == before.keys()


@pytest.mark.parametrize("name", ["README.md", FIRST, "MANIFEST", "modeling.py"])
def test_model_that_was_changed_in_the_store_is_not_there_already(tmp_path: Path, models_dir: Path, name: str) -> None:
    source = write_model(tmp_path / "m")
    stored = bring(source, models_dir).stored
    file = stored.folder / name
    content = file.read_bytes() if file.exists() else b"x"
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    before = snapshot(models_dir)
    with pytest.raises(StoredChangedError, match=f"(?s){name}.*models remove {stored.reference}"):
        bring(source, models_dir)
    assert snapshot(models_dir) == before
    remove(stored, models_dir=models_dir)
    assert not bring(source, models_dir).was_there


def test_copy_of_a_hubs_model_that_was_changed_in_the_store_is_not_there_already(
    tmp_path: Path, models_dir: Path
) -> None:
    source = write_model(tmp_path / "m")
    stored = bring(source, models_dir, hub_id="house/small").stored
    (stored.folder / "README.md").write_text("changed")
    with pytest.raises(StoredChangedError, match="models remove house/small@main"):
        bring(source, models_dir, hub_id="house/small")


def test_other_files_under_the_same_name_are_another_revision(tmp_path: Path, models_dir: Path) -> None:
    one = bring(write_model(tmp_path / "1" / "m"), models_dir)
    two = bring(write_model(tmp_path / "2" / "m", name_word="other"), models_dir)
    assert one.stored.name == two.stored.name
    assert one.stored.revision != two.stored.revision
    with pytest.raises(NotStoredError, match="2 revisions"):
        get_stored(models_dir, "m")
    assert get_stored(models_dir, two.stored.reference) == two.stored


def test_hub_cache_is_imported_with_its_links_followed(tmp_path: Path, models_dir: Path) -> None:
    cache = write_hub_cache(tmp_path / "hub")
    done = bring(cache, models_dir)
    assert (done.stored.reference, done.stored.commit) == ("house/small@main", COMMIT)
    assert done.stored.folder.name == "house--small@main"
    assert not [path for path in done.stored.folder.rglob("*") if path.is_symlink()]
    again = bring(cache / "snapshots" / COMMIT, models_dir)
    assert (again.was_there, again.stored) == (True, done.stored)


def test_hub_cache_whose_folder_holds_no_hub_id_is_refused(tmp_path: Path, models_dir: Path) -> None:
    cache = write_hub_cache(tmp_path / "hub")
    odd = cache.rename(cache.with_name("models--.house--small"))
    with pytest.raises(ImportRefusedError, match=r"'\.house/small' is no hub id, which is written owner/name"):
        bring(odd, models_dir)
    assert bring(odd, models_dir, hub_id="_house/small").stored.folder.name == "_house--small@main"


def test_link_out_of_a_hub_cache_is_not_followed(tmp_path: Path, models_dir: Path) -> None:
    cache = write_hub_cache(tmp_path / "hub")
    (tmp_path / "secret").write_text("of somebody else")
    for target in (tmp_path / "secret", "../../refs/main", "../../blobs/absent"):
        link = cache / "snapshots" / COMMIT / "NOTICE"
        link.symlink_to(target)
        with pytest.raises(LinkInCheckpointError, match="no file of this cache"):
            bring(cache, models_dir)
        link.unlink()
    blob = cache / "blobs" / "through"
    blob.symlink_to(tmp_path / "secret")
    (cache / "snapshots" / COMMIT / "NOTICE").symlink_to("../../blobs/through")
    with pytest.raises(LinkInCheckpointError, match="no file of this cache"):
        bring(cache, models_dir)
    assert list_stored(models_dir) == []


@pytest.mark.parametrize("revision", ["absent", "../../..", "f" * 40])
def test_revision_that_is_not_in_the_cache_is_said(tmp_path: Path, models_dir: Path, revision: str) -> None:
    with pytest.raises(ImportRefusedError):
        bring(write_hub_cache(tmp_path / "hub"), models_dir, revision=revision)
    assert list_stored(models_dir) == []


def test_cache_without_the_snapshot_says_which_there_are(tmp_path: Path, models_dir: Path) -> None:
    cache = write_hub_cache(tmp_path / "hub")
    (cache / "refs" / "v2").write_text("f" * 40)
    with pytest.raises(ImportRefusedError, match=r"no snapshot of v2\. Say which with --revision: main\."):
        bring(cache, models_dir, revision="v2")
    shutil.rmtree(cache / "snapshots" / COMMIT)
    with pytest.raises(ImportRefusedError, match=r"holds no snapshot: .* Fetch it again\.$"):
        bring(cache, models_dir)


def test_copy_of_a_hubs_model_is_its_main_revision_unless_said_otherwise(tmp_path: Path, models_dir: Path) -> None:
    done = bring(write_model(tmp_path / "m"), models_dir, hub_id="house/small")
    assert (done.stored.reference, done.stored.folder.name) == ("house/small@main", "house--small@main")


def test_revision_that_moved_is_refused_and_the_old_one_stays(tmp_path: Path, models_dir: Path) -> None:
    names = {"hub_id": "house/small", "revision": "main"}
    bring(write_model(tmp_path / "1"), models_dir, **names)
    before = snapshot(models_dir)
    with pytest.raises(RevisionMovedError, match="house/small@main is in the store with other files"):
        bring(write_model(tmp_path / "2", name_word="other"), models_dir, **names)
    assert snapshot(models_dir) == before


@pytest.mark.parametrize(
    "names",
    [
        {"name": "../x"}, {"name": ".x"}, {"name": "a@b"}, {"hub_id": "x"}, {"hub_id": "a/../b"}, {"hub_id": "/"},
        {"hub_id": "a/"}, {"hub_id": "/b"}, {"hub_id": ""}, {"name": ""}, {"hub_id": "a/b", "revision": ""},
        {"revision": "a/b"}, {"hub_id": "a/b..c"}, {"hub_id": "-a/b"},
        {"revision": "v1"},
    ],
)  # fmt: skip
def test_name_that_leads_elsewhere_is_refused(tmp_path: Path, models_dir: Path, names: dict[str, str]) -> None:
    with pytest.raises(ImportRefusedError):
        bring(write_model(tmp_path / "m"), models_dir, **names)


def test_model_of_another_store_is_compared_with_the_manifest_it_brings(tmp_path: Path, models_dir: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    carried = bring(write_model(tmp_path / "m"), other).stored.folder
    assert bring(carried, models_dir, name="m").files == 7
    (carried / "README.md").write_text("changed on the way")
    with pytest.raises(FileChangedError, match=r"README\.md is not the file that the manifest names"):
        bring(carried, models_dir, name="n")
    assert [stored.name for stored in list_stored(models_dir)] == ["m"]


def test_what_is_not_there_is_said(tmp_path: Path, models_dir: Path) -> None:
    with pytest.raises(CheckpointMissingError, match="no such directory or archive"):
        bring(tmp_path / "absent", models_dir)


def test_disk_that_is_too_small_is_said_before_anything_is_copied(tmp_path: Path, models_dir: Path) -> None:
    source = write_model(tmp_path / "m")
    with (source / FIRST).open("r+b") as stream:
        stream.truncate(2**43)
    with pytest.raises(SpaceMissingError, match=r"8192\.0 GiB"):
        bring(source, models_dir)
    assert list(models_dir.glob(".importing-*")) == []


def test_disk_that_fills_in_the_middle_leaves_the_store_as_it_was(
    tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's own answer, at the port through which everything is written."""
    bring(write_model(tmp_path / "old"), models_dir)
    before, written = snapshot(models_dir), [0]

    def fill(descriptor: int, chunk: bytes) -> None:
        written[0] += 1
        if written[0] == 3:
            with Path("/dev/full").open("wb", buffering=0) as full:
                full.write(chunk)
        os.write(descriptor, chunk)

    monkeypatch.setattr(draft, "write", fill)
    with pytest.raises(SpaceMissingError, match="is full"):
        bring(write_model(tmp_path / "new", name_word="new"), models_dir)
    assert written[0] == 3
    assert snapshot(models_dir) == before
    monkeypatch.undo()
    assert not bring(tmp_path / "new", models_dir).was_there


def test_file_size_limit_of_the_system_is_treated_like_a_full_disk(tmp_path: Path, models_dir: Path) -> None:
    """A real limit of the kernel, in a process of its own."""
    source = write_model(tmp_path / "m", data=100_000)
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from tests.unit.inference.test_importing import bring\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "bring(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    done = run_python(code, str(source), str(models_dir))
    assert "SpaceMissingError" in done.stderr, done.stderr
    assert list_stored(models_dir) == []
    assert list(models_dir.glob(".importing-*")) == []


def run_python(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=environment.REPOSITORY, env=environment.full(), text=True,
        capture_output=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip


def test_killed_import_leaves_no_model_and_the_next_one_clears_up(tmp_path: Path, models_dir: Path) -> None:
    """Killed for certain in the middle: it writes a file and waits."""
    source = write_model(tmp_path / "m")
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom inference.registry import importing\n"
        "class Waiting:\n"
        "    def begin(self, name, total_bytes): pass\n"
        "    def advance(self, done_bytes): time.sleep(1000)\n"
        "importing.import_model(Path(sys.argv[1]), models_dir=Path(sys.argv[2]), names=importing.Names(),"
        " progress=Waiting())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(source), str(models_dir)], cwd=environment.REPOSITORY, env=environment.full()
    )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(file.is_file() for file in models_dir.glob(".importing-*/*/*")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(StoreBusyError, match=f"process {process.pid}"):
            bring(source, models_dir)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert list_stored(models_dir) == []
    assert len(list(models_dir.glob(".importing-*"))) == 1
    done = bring(source, models_dir)
    assert len(done.cleared) == 1
    assert list(models_dir.glob(".importing-*")) == []


def test_source_that_changes_while_it_is_read_is_not_imported(tmp_path: Path, models_dir: Path) -> None:
    source = write_model(tmp_path / "m")

    class Meddling(Quiet):
        def advance(self, done_bytes: int) -> None:
            for file in source.iterdir():
                file.touch()

    with pytest.raises(SourceChangedError):
        importing.import_model(source, models_dir=models_dir, names=Names(), progress=Meddling())
    assert list_stored(models_dir) == []


def test_interrupted_import_leaves_nothing(tmp_path: Path, models_dir: Path) -> None:
    class Interrupted(Quiet):
        def advance(self, done_bytes: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importing.import_model(
            write_model(tmp_path / "m"), models_dir=models_dir, names=Names(), progress=Interrupted()
        )
    assert [path.name for path in models_dir.iterdir()] == [".lock"]


def test_draft_cannot_be_led_elsewhere(tmp_path: Path, models_dir: Path) -> None:
    """Somebody who may write to the folder of models puts a link where the import is about to make a folder."""
    victim = tmp_path / "victim"
    victim.mkdir()
    with draft.Draft(models_dir, "x") as it:
        (it.path / "below").symlink_to(victim)
        with (
            pytest.raises(OSError, match=r"Not a directory|symbolic links"),
            it.create(PurePosixPath("below/f")),
        ):
            pass
        (it.path / "file").symlink_to(victim / "file")
        with pytest.raises(FileExistsError), it.create(PurePosixPath("file")):
            pass
    assert list(victim.iterdir()) == []
    assert victim.is_dir()


def test_removed_model_is_gone_with_its_record_and_says_what_it_freed(tmp_path: Path, models_dir: Path) -> None:
    stored = bring(write_model(tmp_path / "m", data=100_000), models_dir).stored
    assert remove(stored, models_dir=models_dir) > 300_000
    assert list_stored(models_dir) == []
    assert list((models_dir / "verified").iterdir()) == []


def test_store_is_changed_by_one_at_a_time(models_dir: Path) -> None:
    busy = pytest.raises(StoreBusyError, match=f"process {os.getpid()}")
    with only_one_change(models_dir), busy, only_one_change(models_dir):
        pass
    with only_one_change(models_dir):
        pass


def test_folders_that_are_no_models_are_not_listed(tmp_path: Path, models_dir: Path) -> None:
    stored = bring(write_model(tmp_path / "m"), models_dir).stored
    for name, marker in (("a@1", "{"), ("b@1", '{"name": "b"}'), ("c@1", "[]")):
        (models_dir / name).mkdir()
        (models_dir / name / "imported.json").write_text(marker)
    shutil.copytree(stored.folder, models_dir / ".importing-m@1")
    assert list_stored(models_dir) == [stored]


def test_manifest_names_the_marker_too(tmp_path: Path, models_dir: Path) -> None:
    folder = bring(write_model(tmp_path / "m"), models_dir).stored.folder
    assert "imported.json" in parse_manifest((folder / "MANIFEST").read_text())
    assert json.loads((folder / "imported.json").read_text())["kind"] == "directory"
