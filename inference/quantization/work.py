"""The folder of one unfinished quantisation, beside the models of the store: what a kill leaves, and where it goes on.

Importing and removing leave it alone; ``models quantize --discard`` removes it.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.settings.files import create_anew, hold_path, open_folder, remove_tree, write_whole
from inference.quantization.errors import OtherWorkError
from inference.quantization.job import Job, format_job, parse_job
from inference.registry.store import hold

PREFIX = ".quantizing-"
LOCK = ".quantizing.lock"
ENTERED = 0o711  # by the user that the program runs as; what lies in the folder is nobody else's to list
PRIVATE = 0o700  # texts, and what the model made of them


@dataclass(frozen=True)
class Work:
    """``output`` becomes the model; ``scratch`` goes when it has, and ``input`` when the program ends.

    The folder, the job and the log are of whoever gave the command; the three folders in it are of the program's user.
    """

    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def input(self) -> Path:
        return self.folder / "input"

    @property
    def samples(self) -> Path:
        return self.input / "samples.json"

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


@contextmanager
def begin(work: Work, job: Job, *, name: str) -> Iterator[Work]:
    """The folder, made or found with the same job in it. Raises OtherWorkError.

    What is given is the folder by its descriptor: the folder of models is the engine's user's, who can put another in
    the place of this one, and whoever gave the command may be root.
    """
    text = format_job(job)
    if work.folder.is_symlink() or not work.job.is_file():
        discard(work)
    with open_folder(work.folder, make=ENTERED) as descriptor:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise OtherWorkError(
                f"{name} was begun by another user. Choose another --name, or discard it: "
                f"bin/appliance models quantize --discard {name}"
            )
        os.fchmod(descriptor, ENTERED)
        held = Work(hold_path(descriptor))
        _take_up(held, text, name)
        yield held


def _take_up(held: Work, text: str, name: str) -> None:
    if not held.job.is_file():
        for folder in (held.output, held.scratch):
            folder.mkdir(mode=PRIVATE)
        write_whole(held.job, text)
    elif held.job.read_text(encoding="utf-8") != text:
        raise OtherWorkError(
            f"{name} was begun with another parent, recipe, calibration or version of the tools. Finish that one "
            "with its own command, choose another --name, or discard it: "
            f"bin/appliance models quantize --discard {name}"
        )


def put_samples(held: Work, text: str) -> None:
    """Where the program reads them, once the folder is its user's."""
    remove_samples(held)
    held.input.mkdir(mode=PRIVATE)
    with create_anew(held.samples, mode=0o600) as stream:
        stream.write(text.encode("utf-8"))


def remove_samples(held: Work) -> None:
    shutil.rmtree(held.input, ignore_errors=True)


def discard(work: Work) -> None:
    if os.path.lexists(work.folder):
        remove_tree(work.folder)


def list_begun(models_dir: Path, *, parent: Path | None = None) -> list[str]:
    """The names of what is unfinished, all or those made from ``parent``."""
    folders = sorted(path for path in models_dir.glob(f"{PREFIX}*") if path.is_dir() and not path.is_symlink())
    return [folder.name.removeprefix(PREFIX) for folder in folders if parent is None or _read_parent(folder) == parent]


def _read_parent(folder: Path) -> Path | None:
    """None where a kill came before the job was written."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        return Path(parse_job(Work(folder).job.read_text(encoding="utf-8")).parent)
    return None
