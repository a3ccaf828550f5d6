"""What a load is refused for after an import or a first look, and how little is read when nothing changed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.registry import refusals
from inference.registry.importing import Names, import_model
from inference.registry.place import find_place, take_trace
from inference.registry.verification import verify
from tests.unit.inference.model_folders import FIRST, Refusal, edit_json, snapshot, write_model
from tests.unit.inference.test_bad_directories import Quiet

SOMEBODY = 12345


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "model"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def stored(tmp_path: Path, models_dir: Path) -> Path:
    """A model in the store."""
    done = import_model(
        write_model(tmp_path / "source"), models_dir=models_dir, names=Names(name="m"), progress=Quiet()
    )
    return done.stored.folder


@pytest.fixture
def in_place(tmp_path: Path, models_dir: Path) -> Path:
    """A model that is served where somebody put it, and was looked at once."""
    folder = write_model(tmp_path / "srv" / "m")
    verify(folder, models_dir=models_dir)
    return folder


def change_a_byte(path: Path, *, keep_times: bool) -> None:
    """As somebody would who wants nobody to notice: same size and, if wanted, the old modification time."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    with path.open("r+b") as stream:
        stream.write(content)
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_imported_model_is_read_no_second_time(stored: Path, models_dir: Path) -> None:
    found = verify(stored, models_dir=models_dir)
    assert (found.read_bytes, found.is_new, found.is_kept) == (0, False, True)
    assert found.total_bytes > 0


def test_full_check_reads_every_byte(stored: Path, models_dir: Path) -> None:
    seen: list[int] = []
    found = verify(stored, models_dir=models_dir, full=True, see=seen.append)
    assert found.read_bytes == found.total_bytes == sum(seen)


@pytest.mark.parametrize("keep_times", [True, False])
def test_weights_that_changed_after_the_import_are_refused(stored: Path, models_dir: Path, keep_times: bool) -> None:
    change_a_byte(stored / FIRST, keep_times=keep_times)
    with pytest.raises(refusals.FileChangedError, match="not the one that was recorded") as caught:
        verify(stored, models_dir=models_dir)
    assert caught.value.path == stored / FIRST


def test_damage_that_no_time_tells_of_is_found_by_the_full_check(stored: Path, models_dir: Path) -> None:
    """A record of the damaged file's own times stands for a disk that lost a bit."""
    change_a_byte(stored / FIRST, keep_times=False)
    place = find_place(stored, models_dir=models_dir)
    record = json.loads(place.record.read_text())
    record["files"][FIRST] = take_trace((stored / FIRST).stat())
    place.record.write_text(json.dumps(record))
    assert verify(stored, models_dir=models_dir).read_bytes == 0
    with pytest.raises(refusals.FileChangedError):
        verify(stored, models_dir=models_dir, full=True)


def test_touched_file_is_read_again_and_remembered(stored: Path, models_dir: Path) -> None:
    (stored / FIRST).touch()
    size = (stored / FIRST).stat().st_size
    assert verify(stored, models_dir=models_dir).read_bytes == size
    assert verify(stored, models_dir=models_dir).read_bytes == 0


def test_file_that_was_replaced_by_a_copy_of_itself_is_read_again(stored: Path, models_dir: Path) -> None:
    shutil.copy2(stored / FIRST, stored.parent / "copy")
    (stored.parent / "copy").replace(stored / FIRST)
    assert verify(stored, models_dir=models_dir).read_bytes == (stored / FIRST).stat().st_size


def add_sum_of_it(folder: Path) -> None:
    """Somebody who changes a file and the manifest together."""
    text = (folder / "MANIFEST").read_text()
    (folder / "MANIFEST").write_text(text.replace("README.md", "NOTICE.md"))
    (folder / "README.md").rename(folder / "NOTICE.md")


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda f: (f / "extra.txt").write_text("x"), refusals.ExtraFileError, "extra.txt"),
        (lambda f: (f / "README.md").unlink(), refusals.FileMissingError, "README.md"),
        (lambda f: (f / "README.md").write_text("other"), refusals.FileChangedError, "README.md"),
        (lambda f: (f / "MANIFEST").unlink(), refusals.ManifestMissingError, "without a MANIFEST"),
        (lambda f: (f / "MANIFEST").write_text("nothing"), refusals.ManifestChangedError, "not the one"),
        (add_sum_of_it, refusals.ManifestChangedError, "not the one"),
        (lambda f: (f / FIRST).chmod(0o666), refusals.LooseModeError, FIRST),
        (lambda f: f.chmod(0o777), refusals.LooseModeError, "every user"),
    ],
)
def test_stored_model_that_was_meddled_with_is_refused(
    stored: Path, models_dir: Path, spoil: Callable[[Path], object], error: Refusal, words: str
) -> None:
    spoil(stored)
    with pytest.raises(error, match=words):
        verify(stored, models_dir=models_dir)


def test_manifest_that_cannot_be_read_is_refused_without_a_record_too(stored: Path, models_dir: Path) -> None:
    (stored / "MANIFEST").write_text("../x")
    find_place(stored, models_dir=models_dir).record.unlink()
    with pytest.raises(refusals.ManifestMissingError, match="line 1"):
        verify(stored, models_dir=models_dir)


def test_folder_that_was_put_into_the_store_by_hand_is_refused(tmp_path: Path, models_dir: Path) -> None:
    write_model(models_dir / "m@1")
    with pytest.raises(refusals.ManifestMissingError, match="was not imported"):
        verify(models_dir / "m@1", models_dir=models_dir)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 1}', '{"schema_version": 2, "files": {}}'])
def test_record_that_cannot_be_read_costs_a_full_check_and_no_more(stored: Path, models_dir: Path, text: str) -> None:
    find_place(stored, models_dir=models_dir).record.write_text(text)
    found = verify(stored, models_dir=models_dir)
    assert found.read_bytes == found.total_bytes


def test_first_look_at_a_directory_in_place_records_its_sums_elsewhere(tmp_path: Path, models_dir: Path) -> None:
    folder = write_model(tmp_path / "srv" / "m")
    before = snapshot(folder)
    found = verify(folder, models_dir=models_dir)
    assert (found.is_new, found.is_kept, found.read_bytes) == (True, True, found.total_bytes)
    assert verify(folder, models_dir=models_dir).read_bytes == 0
    assert snapshot(folder) == before


def test_directory_in_place_that_changed_is_refused_until_somebody_says_so(in_place: Path, models_dir: Path) -> None:
    edit_json(in_place / "config.json", max_position_embeddings=1)
    with pytest.raises(refusals.FileChangedError, match="--renew"):
        verify(in_place, models_dir=models_dir)
    assert verify(in_place, models_dir=models_dir, renew=True).is_new
    assert verify(in_place, models_dir=models_dir).read_bytes == 0


def test_directory_that_differs_from_the_manifest_it_brought_is_taken_when_somebody_says_so(
    stored: Path, tmp_path: Path
) -> None:
    copied, models_dir = tmp_path / "a copy", tmp_path / "other"
    shutil.copytree(stored, copied)
    models_dir.mkdir()
    change_a_byte(copied / FIRST, keep_times=False)
    with pytest.raises(refusals.FileChangedError, match=f"models verify '{copied}' --renew"):
        verify(copied, models_dir=models_dir)
    assert verify(copied, models_dir=models_dir, renew=True).is_new
    assert verify(copied, models_dir=models_dir).read_bytes == 0


def test_renewing_does_not_bless_a_model_in_the_store(stored: Path, models_dir: Path) -> None:
    change_a_byte(stored / FIRST, keep_times=False)
    with pytest.raises(refusals.FileChangedError):
        verify(stored, models_dir=models_dir, renew=True)


def test_manifest_that_a_directory_brings_counts_from_the_first_look(stored: Path, tmp_path: Path) -> None:
    """A model of another machine's store, copied to a place that this machine serves from."""
    copied, models_dir = tmp_path / "copied", tmp_path / "other"
    shutil.copytree(stored, copied)
    models_dir.mkdir()
    assert verify(copied, models_dir=models_dir).is_new is False
    change_a_byte(copied / FIRST, keep_times=False)
    with pytest.raises(refusals.FileChangedError):
        verify(copied, models_dir=models_dir)
    shutil.rmtree(models_dir / "verified")
    with pytest.raises(refusals.FileChangedError):
        verify(copied, models_dir=models_dir)


def test_where_nothing_can_be_kept_the_form_is_looked_at_and_that_is_said(tmp_path: Path) -> None:
    """A file stands where the records' folder should be: also root cannot write there."""
    (tmp_path / "verified").write_text("")
    folder = write_model(tmp_path / "srv" / "m")
    found = verify(folder, models_dir=tmp_path)
    assert (found.is_new, found.is_kept, found.read_bytes) == (True, False, 0)
    (folder / "modeling.py").touch()
    with pytest.raises(Exception, match="never executed"):
        verify(folder, models_dir=tmp_path)


def test_root_loads_nothing_that_another_user_owns(
    in_place: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the tests do not run as root, that they would is pretended, and they own the files."""
    if os.geteuid() == 0:
        os.chown(in_place / FIRST, SOMEBODY, SOMEBODY)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        models_dir = Path("/proc")  # belongs to root
    with pytest.raises(refusals.WrongOwnerError, match="who could change what root has loaded"):
        verify(in_place, models_dir=models_dir)


def test_file_that_changes_while_it_is_read_is_refused(in_place: Path, models_dir: Path) -> None:
    def meddle(_bytes: int) -> None:
        (in_place / FIRST).touch()

    with pytest.raises(refusals.FileChangedError, match="while it was read"):
        verify(in_place, models_dir=models_dir, full=True, see=meddle)


def test_folder_that_an_installation_put_beside_the_store_is_one_in_place(models_dir: Path) -> None:
    """As the playbooks do, which compared its sums when they copied it and leave a mark in it."""
    folder = write_model(models_dir / "small")
    (folder / ".0123456789abcdef").touch()
    assert verify(folder, models_dir=models_dir).is_new
    change_a_byte(folder / FIRST, keep_times=True)
    with pytest.raises(refusals.FileChangedError):
        verify(folder, models_dir=models_dir)
