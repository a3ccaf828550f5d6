"""The folder of one unfinished quantisation, beside the models of the store: what a kill leaves, and where it goes on.

Importing and removing leave it alone; ``models quantize --discard`` removes it.
"""

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inference.quantization.errors import OtherWorkError
from inference.quantization.job import Job, format_job, parse_job
from inference.registry.store import hold

PREFIX = ".quantizing-"
LOCK = ".quantizing.lock"


@dataclass(frozen=True)
class Work:
    """``output`` becomes the model; ``scratch`` goes when it has."""

    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def job(self) -> Path:
        return self.folder / "job.json"

    @property
    def log(self) -> Path:
        return self.folder / "log"


def build_work(models_dir: Path, name: str) -> Work:
    return Work(models_dir / f"{PREFIX}{name}")


@contextmanager
def only_one_quantization(models_dir: Path) -> Iterator[int]:
    """One at a time: each takes all of the machine. Imports go on meanwhile. Raises StoreBusyError."""
    with hold(models_dir / LOCK, "quantising a model") as descriptor:
        yield descriptor


def begin(work: Work, job: Job, *, name: str) -> bool:
    """Make the folder, or find the one of the same job; true when there was one. Raises OtherWorkError."""
    text = format_job(job)
    if work.job.is_file():
        if work.job.read_text(encoding="utf-8") != text:
            raise OtherWorkError(
                f"{name} was begun with another parent, recipe, calibration or version of the tools. Finish that one "
                "with its own command, choose another --name, or discard it: "
                f"bin/appliance models quantize --discard {name}"
            )
        return True
    discard(work)
    for folder in (work.folder, work.output, work.scratch):
        folder.mkdir(mode=0o755)
    draft = work.job.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(work.job)
    return False


def discard(work: Work) -> None:
    if work.folder.exists():
        shutil.rmtree(work.folder)


def list_begun(models_dir: Path, *, parent: Path | None = None) -> list[str]:
    """The names of what is unfinished, all or those made from ``parent``."""
    folders = sorted(path for path in models_dir.glob(f"{PREFIX}*") if path.is_dir() and not path.is_symlink())
    return [folder.name.removeprefix(PREFIX) for folder in folders if parent is None or _read_parent(folder) == parent]


def _read_parent(folder: Path) -> Path | None:
    """None where a kill came before the job was written."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        return Path(parse_job(Work(folder).job.read_text(encoding="utf-8")).parent)
    return None
