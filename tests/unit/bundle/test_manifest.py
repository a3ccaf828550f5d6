"""Manifests of offline sets: what is accepted, and how what is wrong is named."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.bundle.folder import check, read_sums, write_manifest
from appliance.settings import environment
from inference.registry.manifest import ManifestError, find_problems, format_manifest, parse_manifest, select

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a.whl").write_bytes(b"a")
    (tmp_path / "b.txt").write_bytes(b"b")
    write_manifest(tmp_path)
    return tmp_path


def test_manifest_is_what_sha256sum_checks(folder: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "MANIFEST"], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0


def test_written_manifest_reads_back(folder: Path) -> None:
    assert check(folder) == read_sums(folder)
    assert parse_manifest(format_manifest({"a b/c": ONE})) == {"a b/c": ONE}


@pytest.mark.parametrize(
    "text",
    ["", "no sum\n", f"{ONE} one-space\n", f"{ONE}  /etc/passwd\n", f"{ONE}  ../outside\n", f"{ONE}  a/../../b\n",
     f"{ONE}  a\n{TWO}  a\n", f"{ONE.upper().replace('1', 'A')}  a\n"],
)  # fmt: skip
def test_anything_but_sums_of_files_in_the_set_is_refused(text: str) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(text)


def test_every_difference_is_named() -> None:
    assert find_problems({"gone": ONE, "other": ONE}, {"new": ONE, "other": TWO}) == [
        "gone is missing.",
        "new is not in the manifest.",
        f"other is not the file that the manifest names (SHA-256 {TWO}, expected {ONE}).",
    ]


def test_part_of_a_manifest_is_folders_and_files() -> None:
    sums = {"wheels/a": ONE, "wheels-more/b": ONE, "c": TWO}
    assert select(sums, ["wheels", "c"]) == {"wheels/a": ONE, "c": TWO}


def test_altered_file_is_refused_by_name(folder: Path) -> None:
    (folder / "wheels" / "a.whl").write_bytes(b"altered")
    with pytest.raises(ManifestError, match=r"(?s)nothing was installed from it.*wheels/a\.whl is not the file"):
        check(folder)


def test_link_is_refused(folder: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(ManifestError, match="neither a file nor a folder"):
        check(folder)


def test_folder_without_a_manifest_is_no_set(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="it is no offline set"):
        check(tmp_path)


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "appliance.bundle", "check", str(folder), *arguments]
    env = {"PYTHONPATH": str(environment.REPOSITORY)}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_program_prints_the_part_that_a_host_is_sent(folder: Path) -> None:
    assert run(folder, "--part", "wheels").stdout == format_manifest(select(read_sums(folder), ["wheels"]))


def test_program_says_which_part_is_not_there(folder: Path) -> None:
    done = run(folder, "--part", "wheels", "--part", "models/x")
    assert (done.returncode, done.stdout) == (3, "")
    assert "holds no models/x, which this host needs" in done.stderr
