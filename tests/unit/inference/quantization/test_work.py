"""The folder of an unfinished quantisation lies among the models, whose folder may be another user's."""

import os
import stat
from pathlib import Path

import pytest

from appliance.settings.files import write_whole
from inference.quantization.errors import OtherWorkError
from inference.quantization.job import Calibration, Job
from inference.quantization.work import begin, build_work, put_samples, remove_samples
from inference.registry.pins import write_pins


def build_job(folder: Path) -> Job:
    work = build_work(folder, "m")
    calibration = Calibration(str(work.samples), 8, 128, 3)
    return Job("/models/m", str(work.output), str(work.scratch), "w4a16", "cpu", "abc", calibration)


def read_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_texts_and_what_is_made_of_them_are_nobody_elses_to_read(tmp_path: Path) -> None:
    work = build_work(tmp_path, "m")
    with begin(work, build_job(tmp_path), name="m") as held:
        put_samples(held, "[]")
        private = (work.input, work.output, work.scratch)
        assert (read_mode(work.folder), {read_mode(folder) for folder in private}) == (0o711, {0o700})
        assert (read_mode(work.samples), read_mode(work.job)) == (0o600, 0o644)
        remove_samples(held)
    assert not work.input.exists()


def test_nothing_is_written_to_what_takes_the_place_of_the_folder(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    work = build_work(tmp_path, "m")
    with begin(work, build_job(tmp_path), name="m") as held:
        work.folder.rename(tmp_path / "moved")
        work.folder.symlink_to(victim)
        put_samples(held, "[]")
    assert list(victim.iterdir()) == []
    assert (tmp_path / "moved" / "input" / "samples.json").is_file()
    with begin(work, build_job(tmp_path), name="m"):
        assert not work.folder.is_symlink()
    assert list(victim.iterdir()) == []


def test_folder_that_another_user_made_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, job = build_work(tmp_path, "m"), build_job(tmp_path)
    with begin(work, job, name="m"):
        pass
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(OtherWorkError, match="m was begun by another user"), begin(work, job, name="m"):
        pytest.fail("it was gone on with")


def test_link_under_a_name_that_can_be_foreseen_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    models = tmp_path / "models"
    models.mkdir()
    for name in (f".pins.json.{os.getpid()}", "pins.json"):
        (models / name).symlink_to(victim)
    write_pins(models, {})
    assert victim.read_text() == "as it was"
    assert not (models / "pins.json").is_symlink()


def test_file_that_cannot_be_put_in_place_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
