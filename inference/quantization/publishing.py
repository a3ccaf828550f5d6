"""From finished pieces to a model of the store: the parent's other files, the record, the manifest, the name."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

from appliance.settings.files import create_anew, give_tree, rename
from inference.quantization.record import NAME as RECORD
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.draft import open_up
from inference.registry.errors import CheckpointError
from inference.registry.fetched import MARKERS
from inference.registry.importing import SpaceMissingError
from inference.registry.intake import open_unchanged
from inference.registry.manifest import NAME as MANIFEST
from inference.registry.origin import MADE_HERE
from inference.registry.signature import FILE as SIGNATURE
from inference.registry.store import (
    Stored,
    build_revision,
    find_marked,
    keep_record,
    only_one_change,
    refuse_unmarked,
    seal,
    write_imported,
)
from inference.registry.tree import list_files
from inference.registry.verification import See, sum_file

NOT_PASSED_ON = frozenset({"config.json", MANIFEST, RECORD, SIGNATURE, *MARKERS})
WEIGHTS = (".safetensors", ".safetensors.index.json")


def publish_model(
    output: Path, *, parent: Path, name: str, record: dict[str, Any], models_dir: Path, see: See
) -> Stored:
    """Raises CheckpointError for a result that would not be served, StoreBusyError while something is imported, and
    SpaceMissingError.

    Nothing is lost by a kill or an error: it can be asked for again.
    """
    try:
        return _publish(output, parent=parent, name=name, record=record, models_dir=models_dir, see=see)
    except CheckpointError as error:  # ``output`` may be a descriptor's path, which says nothing to anybody
        if output not in (error.path, *error.path.parents):
            raise
        raise type(error)(output.resolve() / error.path.relative_to(output), error.problem, error.fix) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise SpaceMissingError(
            f"{models_dir} is full. What is finished is kept: free some space, then run the same command."
        ) from None


def _publish(output: Path, *, parent: Path, name: str, record: dict[str, Any], models_dir: Path, see: See) -> Stored:
    take_over(output)
    list_files(output)  # refuses links, before anything is written there
    for leftover in (MANIFEST, *MARKERS):
        (output / leftover).unlink(missing_ok=True)
    copy_rest(parent, output)
    with create_anew(output / RECORD) as stream:
        stream.write((json.dumps(record, indent=2) + "\n").encode("utf-8"))
    inspect_checkpoint(output)
    open_up(output)
    sums = {file: sum_file(output / file, status, see) for file, status in list_files(output).items()}
    revision = build_revision(sums)
    write_imported(output, name=name, revision=revision, kind=MADE_HERE)
    open_up(output)
    target = models_dir / f"{name}@{revision}"
    with only_one_change(models_dir):
        refuse_unmarked(target)
        if (there := find_marked(target)) is not None:
            return there
        sealed = seal(output, known=sums)
        rename(output, target)
        keep_record(target, sealed, models_dir=models_dir)
    stored = find_marked(target)
    assert stored is not None, "it was marked just now"
    return stored


def take_over(output: Path) -> None:
    """As root the files become root's, as those of an import are: the engine's user cannot change them. Before anything
    is written beside them, and before their sums are taken."""
    while os.geteuid() == 0 and give_tree(output, (0, 0)):
        pass  # a folder may have got further files before it was taken


def copy_rest(parent: Path, output: Path) -> None:
    """Tokenizer, chat template, licence, card: all but weights, and what the store or a signature says of them."""
    for name, status in list_files(parent).items():
        if name in NOT_PASSED_ON or name.endswith(WEIGHTS):
            continue
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        with open_unchanged(parent / name, status)() as source, create_anew(output / name) as target:
            shutil.copyfileobj(source, target)
