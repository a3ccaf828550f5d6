"""What the program that quantises is told, and what is understood of what it says."""

from pathlib import Path

import pytest

from inference.quantization.command import Said, build_command, parse_line
from inference.quantization.job import Calibration, Job, format_job, parse_job

JOB = Job("/models/m", "/begun/output", "/begun/scratch", "w4a16", "cpu", "abc")
CALIBRATION = Calibration("/begun/samples.json", 8, 128, 3)


@pytest.mark.parametrize("calibration", [None, CALIBRATION])
def test_job_is_the_same_after_its_file(calibration: Calibration | None) -> None:
    job = Job(JOB.parent, JOB.output, JOB.scratch, JOB.recipe, JOB.device, JOB.revision, calibration)
    assert parse_job(format_job(job)) == job


def test_job_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="another version"):
        parse_job(format_job(JOB).replace('"schema_version": 1', '"schema_version": 2'))


def test_program_runs_in_its_environment_as_another_user_and_reaches_no_hub() -> None:
    command = build_command(
        Path("/begun/job.json"), python=Path("/env/bin/python"), data_dir=Path("/data"), root=Path("/repo"),
        prefix=("setpriv", "--"),
    )  # fmt: skip
    assert command.argv == (
        "setpriv", "--", "/env/bin/python", "-m", "inference.quantization.run", "--job", "/begun/job.json",
    )  # fmt: skip
    assert (command.env["HF_HUB_OFFLINE"], command.env["PYTHONPATH"]) == ("1", "/repo")


def test_lines_that_a_library_prints_are_no_events() -> None:
    assert parse_line('{"event": "piece", "file": "f", "bytes": 3}') == Said("piece", {"file": "f", "bytes": 3})
    assert [parse_line(line) for line in ("Loading weights", "[1]", "{}", "3", "")] == [None] * 5
