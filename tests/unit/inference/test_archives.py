"""Archives: a model comes out of a good one, and a bad one changes nothing and writes nowhere else."""

import io
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.registry import importing
from inference.registry.archive import HEADER_BYTES
from inference.registry.errors import CheckpointError
from inference.registry.importing import Names, SpaceMissingError
from inference.registry.intake import ArchiveUnsafeError, ImportRefusedError, SourceUnknownError
from inference.registry.store import list_stored
from inference.registry.tree import MAX_FILES
from tests.unit.inference.model_folders import snapshot, write_model
from tests.unit.inference.test_bad_directories import Quiet


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "model"
    folder.mkdir(parents=True)
    return folder


def pack_tar(model: Path, archive: Path, mode: str, *, below: str) -> None:
    with tarfile.open(archive, f"w:{mode}") as tar:  # type: ignore[call-overload]
        tar.add(model, arcname=below)


def pack_zip(model: Path, archive: Path, *, below: str) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in model.iterdir():
            packed.write(file, f"{below}/{file.name}")


@pytest.mark.parametrize("below", [".", "small"])
@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.bz2", "tar.xz", "tgz", "zip"])
def test_archive_becomes_a_model(tmp_path: Path, models_dir: Path, kind: str, below: str) -> None:
    model, archive = write_model(tmp_path / "m"), tmp_path / f"packed-1.0.{kind}"
    if kind == "zip":
        pack_zip(model, archive, below=below)
    else:
        pack_tar(model, archive, {"tar": "", "tgz": "gz"}.get(kind, kind.rpartition(".")[2]), below=below)
    done = importing.import_model(archive, models_dir=models_dir, names=Names(), progress=Quiet())
    assert done.stored.name == "packed-1.0"
    stored = snapshot(done.stored.folder)
    assert {name: stored[name] for name in snapshot(model)} == snapshot(model)
    assert [path.name for path in models_dir.iterdir() if path.name.startswith(".importing")] == []


Member = Callable[[tarfile.TarFile], None]


def file(name: str, content: bytes = b"x") -> Member:
    def add(tar: tarfile.TarFile) -> None:
        header = tarfile.TarInfo(name)
        header.size = len(content)
        tar.addfile(header, io.BytesIO(content))

    return add


def special(kind: bytes, name: str = "model.safetensors", link: str = "") -> Member:
    def add(tar: tarfile.TarFile) -> None:
        header = tarfile.TarInfo(name)
        header.type, header.linkname = kind, link
        tar.addfile(header)

    return add


def twice(tar: tarfile.TarFile) -> None:
    file("NOTICE")(tar)
    file("./NOTICE")(tar)


def through_a_file(tar: tarfile.TarFile) -> None:
    file("a")(tar)
    file("a/b")(tar)


def long_header(tar: tarfile.TarFile) -> None:
    header = tarfile.TarInfo("x")
    header.pax_headers = {"comment": "x" * (2 * HEADER_BYTES)}
    tar.addfile(header)


def very_large(tar: tarfile.TarFile) -> None:
    """A header that promises more than any disk here has; nothing follows it."""
    header = tarfile.TarInfo("model.safetensors")
    header.size = 2**50
    assert tar.fileobj is not None
    tar.fileobj.write(header.tobuf())


def many(tar: tarfile.TarFile) -> None:
    for number in range(MAX_FILES + 2):
        header = tarfile.TarInfo(f"f{number}")
        header.type = tarfile.DIRTYPE
        tar.addfile(header)


BAD: dict[str, tuple[Member, type[Exception], str]] = {
    "a way out": (file("../outside"), ArchiveUnsafeError, "would leave"),
    "a way out in the middle": (file("a/../../outside"), ArchiveUnsafeError, "would leave"),
    "an absolute name": (file("/tmp/outside"), ArchiveUnsafeError, "would leave"),  # noqa: S108
    "another system's separator": (file("..\\outside"), ArchiveUnsafeError, "would leave"),
    "a name of two lines": (file("a\nb"), ArchiveUnsafeError, "would leave"),
    "a symbolic link": (special(tarfile.SYMTYPE, link="/etc/passwd"), ArchiveUnsafeError, "no plain file"),
    "a hard link": (special(tarfile.LNKTYPE, link="/etc/passwd"), ArchiveUnsafeError, "no plain file"),
    "a device": (special(tarfile.CHRTYPE), ArchiveUnsafeError, "no plain file"),
    "a pipe": (special(tarfile.FIFOTYPE), ArchiveUnsafeError, "no plain file"),
    "the same name twice": (twice, ArchiveUnsafeError, "twice"),
    "a file that is a folder": (through_a_file, ArchiveUnsafeError, "a file and a folder"),
    "a header without end": (long_header, ArchiveUnsafeError, "a header of"),
    "more than the disk holds": (very_large, SpaceMissingError, "are free in"),
    "more than a model has": (many, ArchiveUnsafeError, "more than"),
    "a pickle": (file("pytorch_model.bin"), CheckpointError, "pytorch_model.bin"),
    "code": (file("modeling.py"), CheckpointError, "never executed"),
}


@pytest.mark.parametrize("compression", ["", "gz"])
@pytest.mark.parametrize("kind", BAD)
def test_bad_tar_is_refused_and_nothing_is_written_elsewhere(
    tmp_path: Path, models_dir: Path, kind: str, compression: str
) -> None:
    add, error, words = BAD[kind]
    model = write_model(tmp_path / "m")
    archive = tmp_path / "packed.tar"
    with tarfile.open(archive, f"w:{compression}") as tar:  # type: ignore[call-overload]
        tar.add(model, arcname=".")
        add(tar)
    before = snapshot(tmp_path)
    with pytest.raises(error, match=words):
        importing.import_model(archive, models_dir=models_dir, names=Names(), progress=Quiet())
    after = snapshot(tmp_path)
    after.pop("data/model/.lock")
    assert after == before
    assert not Path("/tmp/outside").exists()  # noqa: S108
    assert list_stored(models_dir) == []


def test_first_header_is_bounded_too(tmp_path: Path, models_dir: Path) -> None:
    """The library's own question whether this is a tar would read it into memory."""
    archive = tmp_path / "packed.tar.gz"
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        long_header(tar)
    with pytest.raises(ArchiveUnsafeError, match="a header of"):
        importing.import_model(archive, models_dir=models_dir, names=Names(), progress=Quiet())


def test_long_header_costs_no_memory(tmp_path: Path, models_dir: Path) -> None:
    """It would be 50 MB; what is held meanwhile is what the meter lets through."""
    archive = tmp_path / "packed.tar.gz"
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        header = tarfile.TarInfo("x")
        header.pax_headers = {"comment": "x" * 50_000_000}
        tar.addfile(header)
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveUnsafeError, match="a header of"):
            importing.import_model(archive, models_dir=models_dir, names=Names(), progress=Quiet())
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_tar_that_was_cut_short_is_damaged(tmp_path: Path, models_dir: Path) -> None:
    for mode in ("", "gz"):
        archive = tmp_path / f"packed-{mode}.tar"
        pack_tar(write_model(tmp_path / f"m{mode}", data=100_000), archive, mode, below=".")
        archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
        with pytest.raises((ImportRefusedError, CheckpointError)):
            importing.import_model(archive, models_dir=models_dir, names=Names(), progress=Quiet())
        assert list_stored(models_dir) == []


def lie_about_size(archive: Path) -> None:
    """The directory at the end says one byte; the member has many more."""
    raw = bytearray(archive.read_bytes())
    place = raw.rindex(b"PK\x01\x02")
    struct.pack_into("<L", raw, place + 24, 1)
    archive.write_bytes(raw)


def test_zip_member_that_is_larger_than_it_says_is_refused(tmp_path: Path, models_dir: Path) -> None:
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("README.md", b"\0" * 10_000_000)
    lie_about_size(archive)
    with pytest.raises(ImportRefusedError):
        importing.import_model(archive, models_dir=models_dir, names=Names(), progress=Quiet())
    assert list_stored(models_dir) == []


@pytest.mark.parametrize("kind", ["way out", "link", "encrypted", "twice", "pickle"])
def test_bad_zip_is_refused_before_anything_is_written(tmp_path: Path, models_dir: Path, kind: str) -> None:
    archive = tmp_path / "packed.zip"
    pack_zip(write_model(tmp_path / "m"), archive, below=".")
    with zipfile.ZipFile(archive, "a") as packed:
        info = zipfile.ZipInfo({"way out": "../outside", "pickle": "a.pt", "twice": "README.md"}.get(kind, "NOTICE"))
        if kind == "link":
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
        if kind == "twice":
            info.filename = "./README.md"
        packed.writestr(info, "/etc/passwd")
    if kind == "encrypted":
        raw = bytearray(archive.read_bytes())
        struct.pack_into("<H", raw, raw.rindex(b"PK\x01\x02") + 8, 1)
        archive.write_bytes(raw)
    with pytest.raises((ArchiveUnsafeError, CheckpointError)):
        importing.import_model(archive, models_dir=models_dir, names=Names(), progress=Quiet())
    assert not (tmp_path / "data" / "outside").exists()
    assert list_stored(models_dir) == []


def test_zip_inside_of_a_tar_does_not_make_it_a_zip(tmp_path: Path, models_dir: Path) -> None:
    inner, archive = tmp_path / "inner.zip", tmp_path / "packed.tar"
    with zipfile.ZipFile(inner, "w") as packed:
        packed.writestr("README.md", "x")
    with tarfile.open(archive, "w") as tar:
        tar.add(write_model(tmp_path / "m"), arcname=".")
        tar.add(inner, arcname="z.txt")
    with pytest.raises(CheckpointError, match=r"z\.txt: by its contents this is a zip archive"):
        importing.import_model(archive, models_dir=models_dir, names=Names(), progress=Quiet())


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b", b"PK\x05\x06"])
def test_file_that_is_no_archive_is_said(tmp_path: Path, models_dir: Path, content: bytes) -> None:
    (tmp_path / "model.tar").write_bytes(content)
    with pytest.raises(SourceUnknownError, match="neither a tar nor a zip"):
        importing.import_model(tmp_path / "model.tar", models_dir=models_dir, names=Names(), progress=Quiet())
