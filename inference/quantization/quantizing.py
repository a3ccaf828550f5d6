"""Quantise a model of this machine: look at the parent, work in a folder beside the store, publish the result.

What a kill, a full disk or an error leaves is used by the next call for the same job.
"""

import errno
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.quantization.command import Said, build_command, parse_line
from inference.quantization.errors import NameTakenError, RunFailedError
from inference.quantization.job import Calibration, Device, Job
from inference.quantization.needs import count_disk_bytes, count_memory_bytes, refuse_calibration, require_memory
from inference.quantization.parents import Found, build_parent, read_parent
from inference.quantization.pieces import build_pieces
from inference.quantization.publishing import publish_model
from inference.quantization.recipes import RECIPES, Recipe, RecipeName
from inference.quantization.record import Calibrated, Parent, build_record, read_record
from inference.quantization.samples import Samples
from inference.quantization.tensors import Tensor
from inference.quantization.work import (
    Work,
    begin,
    build_work,
    discard,
    only_one_quantization,
    put_samples,
    remove_samples,
)
from inference.registry.importing import Names, Progress, SpaceMissingError, refuse_odd_names, require_room
from inference.registry.store import Stored, list_stored
from inference.registry.verification import Verified

LOG_TAIL_CHARACTERS = 1500
LOG_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW


@dataclass(frozen=True)
class Wish:
    recipe: RecipeName
    name: str
    device: Device
    samples: Samples | None = None


@dataclass(frozen=True)
class Machine:
    """Where the program runs. ``tools`` identifies the environment's versions; ``own`` gives a folder to its user."""

    models_dir: Path
    data_dir: Path
    root: Path
    python: Path
    tools: str
    memory_bytes: int
    prefix: tuple[str, ...]
    own: Callable[[Path], None]


@dataclass(frozen=True)
class Done:
    """``made`` and ``kept``: pieces of this call and of an earlier one that was cut off."""

    stored: Stored
    record: dict[str, Any]
    total_bytes: int
    parent_bytes: int
    made: int
    kept: int
    was_there: bool


def quantize(found: Found, verified: Verified, wish: Wish, machine: Machine, progress: Progress) -> Done:
    """``verified`` is the parent's check of just now. Raises ModelError for everything that can be foreseen."""
    refuse_odd_names(Names(wish.name))
    recipe, parent = RECIPES[wish.recipe], build_parent(found, verified)
    tensors = read_parent(found, recipe)
    if wish.samples is not None:
        refuse_calibration(tensors)
    with only_one_quantization(machine.models_dir) as lock:
        work = build_work(machine.models_dir, wish.name)
        if (there := find_done(machine.models_dir, wish, parent)) is not None:
            discard(work)
            return describe(there, tensors, made=0, kept=0, was_there=True)
        require_memory(count_memory_bytes(tensors, build_pieces(tensors), wish.samples), machine.memory_bytes)
        there_bytes = sum(file.stat().st_size for file in work.folder.rglob("*.safetensors"))
        require_room(max(count_disk_bytes(tensors, recipe, wish.samples) - there_bytes, 0), machine.models_dir)
        job = build_job(found, parent, wish, work, machine.tools)
        with begin(work, job, name=wish.name) as held:
            said = run(work, held, wish, machine, lock, progress, words=f"Quantising {found.name} to {recipe.name}")
            record = build_record(recipe, parent, tools=said["tools"], calibrated=_read_calibrated(said, wish))
            progress.begin("Recording the sums", None)
            stored = publish_model(
                held.output, parent=found.folder, name=wish.name, record=record, models_dir=machine.models_dir,
                see=progress.advance,
            )  # fmt: skip
        discard(work)
    return describe(stored, tensors, made=said["made"], kept=said["kept"], was_there=False)


def find_done(models_dir: Path, wish: Wish, parent: Parent) -> Stored | None:
    """The result of the same wish, where it is in the store. Raises NameTakenError for another model of that name."""
    here = [stored for stored in list_stored(models_dir) if stored.name == wish.name]
    for stored in here:
        record = read_record(stored.folder)
        if record is not None and _is_the_same(record, wish, parent):
            return stored
    if here:
        raise NameTakenError(
            f"{here[0].reference} is in the store and is another model. Choose another --name, or remove it first: "
            f"bin/appliance models remove {here[0].reference}"
        )
    return None


def _is_the_same(record: Mapping[str, Any], wish: Wish, parent: Parent) -> bool:
    recipe, calibration = record["recipe"], record["recipe"]["calibration"]
    wanted = wish.samples
    same = (
        calibration is None
        if wanted is None
        else calibration is not None
        and (calibration["sha256"], calibration["seed"], calibration["max_tokens"])
        == (wanted.sha256, wanted.seed, wanted.max_tokens)
        and calibration["samples"] == len(wanted.texts)
    )
    return bool(record["parent"]["sha256"] == parent.sha256 and recipe["name"] == wish.recipe and same)


def build_job(found: Found, parent: Parent, wish: Wish, work: Work, tools: str) -> Job:
    samples = wish.samples
    revision = [parent.sha256, wish.recipe, tools, samples.sha256 if samples else None]
    calibration = None
    if samples is not None:
        calibration = Calibration(str(work.samples), len(samples.texts), samples.max_tokens, samples.seed)
    return Job(
        parent=str(found.folder), output=str(work.output), scratch=str(work.scratch), recipe=wish.recipe,
        device=wish.device, revision=hashlib.sha256(json.dumps(revision).encode()).hexdigest(), calibration=calibration,
    )  # fmt: skip


def run(
    work: Work, held: Work, wish: Wish, machine: Machine, lock: int, progress: Progress, *, words: str
) -> dict[str, Any]:  # fmt: skip
    """The program's last word, with how many pieces it made and found. It gets what it reads and writes for its own,
    the texts until it ends."""
    try:
        if wish.samples is not None:
            put_samples(held, json.dumps(wish.samples.texts))
            machine.own(held.input)
        machine.own(held.output)
        machine.own(held.scratch)
        return _follow_program(work, held, machine, lock, progress, words)
    finally:
        remove_samples(held)


def _follow_program(
    work: Work, held: Work, machine: Machine, lock: int, progress: Progress, words: str
) -> dict[str, Any]:  # fmt: skip
    """It holds the lock too, and ends when this process does: its standard input closes."""
    command = build_command(
        work.job, python=machine.python, data_dir=machine.data_dir, root=machine.root, prefix=machine.prefix
    )
    counts, ended = {"made": 0, "kept": 0}, None
    with (
        open(held.log, "ab", opener=lambda name, _: os.open(name, LOG_FLAGS, 0o600)) as log,
        subprocess.Popen(
            command.argv, env=command.env, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            text=True, errors="replace", pass_fds=(lock,),
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if (said := parse_line(line)) is not None:
                    ended = _follow(said, counts, progress, words) or ended
            code = process.wait()
        except BaseException:
            process.kill()
            raise
    if code != 0 or ended is None or ended.event != "end":
        raise _explain(ended, code, work, held, machine)
    return {**ended.detail, **counts}


def _follow(said: Said, counts: dict[str, int], progress: Progress, words: str) -> Said | None:
    if said.event == "begin":
        counts["kept"] = said.detail["finished"]
        progress.begin(words, said.detail["bytes"])
        progress.advance(said.detail["bytes"] - said.detail["left_bytes"])
    elif said.event == "piece":
        counts["made"] += 1
        progress.advance(said.detail["bytes"])
    elif said.event in ("failed", "end"):
        return said
    return None


def _explain(ended: Said | None, code: int, work: Work, held: Work, machine: Machine) -> Exception:
    if ended is not None and ended.event == "failed":
        if ended.detail.get("errno") in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return SpaceMissingError(
                f"{machine.models_dir} is full. What is finished is kept: free some space, then run the same command."
            )
        return RunFailedError(f"{ended.detail['words']} The whole log is {work.log}.")
    how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    hint = " Signal 9 is what the system sends where memory runs out." if code in (-9, 137) else ""
    tail = held.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:].strip()
    return RunFailedError(
        f"The program that quantises {how}.{hint} What is finished is kept, and the same command goes on. The end of "
        f"{work.log}:\n{tail}"
    )


def _read_calibrated(said: Mapping[str, Any], wish: Wish) -> Calibrated | None:
    if wish.samples is None:
        return None
    it = wish.samples
    return Calibrated(it.sha256, len(it.texts), int(said["tokens"]), it.max_tokens, it.seed)


def describe(stored: Stored, tensors: Mapping[str, Tensor], *, made: int, kept: int, was_there: bool) -> Done:
    record = read_record(stored.folder)
    assert record is not None, "it was written with the model"
    total = sum(file.stat().st_size for file in stored.folder.glob("*.safetensors"))
    parent_bytes = sum(tensor.size_bytes for tensor in tensors.values())
    return Done(stored, record, total, parent_bytes, made, kept, was_there)


def choose_name(found: Found, recipe: Recipe) -> str:
    return f"{found.name}-{recipe.name}"
