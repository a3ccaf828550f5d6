"""Bring a model from a hub: ``python -m inference.registry.fetch --hub-id A/B --revision R --models DIR``.

Runs in the inference environment. Only files a model needs are asked for: safetensors weights, configuration,
tokenizer, chat template, card and licence, never code or pickles. A fetch that was cut off goes on where it stopped.
"""

import argparse
import errno
import json
import logging
import shutil
import sys
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, ModelInfo, snapshot_download
from huggingface_hub.utils import filter_repo_objects

from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.errors import ModelError
from inference.registry.expected import Expected, PinnedOtherwiseError
from inference.registry.fetched import build_folder, write_marker
from inference.registry.manifest import NAME as MANIFEST
from inference.registry.manifest import parse_manifest
from inference.registry.store import keep_record, refuse_unmarked, seal
from inference.registry.weights import SECOND_COPY, list_loaded

WANTED = ("*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer.model", "README.md", "LICENSE*", "NOTICE*")
SECONDS_FOR_METADATA = 30
GIB = 1024**3
SPARE_BYTES = GIB  # for the rest of the appliance to go on


def fetch(*, hub_id: str, revision: str, models_dir: Path, expected: Expected | None = None) -> Path:
    """Return the model's directory, verified. Raises CheckpointError, or the hub client's own errors.

    With ``expected``, PinnedOtherwiseError for a branch that moved, and for files with other sums than those that were
    pinned: before they are fetched where the hub says so, else afterwards, when nothing is kept of them.
    """
    target = build_folder(models_dir, hub_id=hub_id, revision=revision)
    refuse_unmarked(target)
    if target.is_dir():
        return target
    info = HfApi().model_info(hub_id, revision=revision, timeout=SECONDS_FOR_METADATA, files_metadata=True)
    commit = info.sha
    if commit is None:
        raise RuntimeError(f"The hub names no commit for {hub_id} at {revision}.")
    if expected is not None and expected.is_about(revision, commit):
        expected.refuse_commit(revision, commit)
        if told := list_sums(info):
            expected.refuse_sums(told)
    else:
        expected = None
    draft = models_dir / f".{target.name}"
    draft.mkdir(parents=True, exist_ok=True)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    second = [name for name in sizes if name.startswith(SECOND_COPY) and name not in list_loaded(sizes)]
    wanted = filter_repo_objects(sizes, allow_patterns=list(WANTED), ignore_patterns=second)
    require_room(sum(sizes[name] for name in wanted), draft)
    snapshot_download(hub_id, revision=commit, local_dir=draft, allow_patterns=list(WANTED), ignore_patterns=second)
    inspect_checkpoint(draft)
    write_marker(draft, hub_id=hub_id, revision=revision, commit=commit)
    shutil.rmtree(draft / ".cache", ignore_errors=True)  # the hub client's own notes
    (draft / MANIFEST).unlink(missing_ok=True)
    record = seal(draft)
    if expected is not None:
        refuse_other_files(draft, expected)
    draft.rename(target)
    keep_record(target, record, models_dir=models_dir)
    return target


def list_sums(info: ModelInfo) -> dict[str, str]:
    """What the hub says of its large files; empty where it says nothing."""
    return {file.rfilename: file.lfs.sha256 for file in info.siblings or () if file.lfs is not None}


def refuse_other_files(draft: Path, expected: Expected) -> None:
    """By what was written to the disk. Raises PinnedOtherwiseError, and then the files are gone."""
    try:
        expected.refuse_sums(parse_manifest((draft / MANIFEST).read_text(encoding="utf-8")))
    except PinnedOtherwiseError:
        shutil.rmtree(draft)
        raise


def require_room(needed_bytes: int, draft: Path) -> None:
    """Raises OSError when ``needed_bytes``, less what an earlier fetch left in ``draft``, do not fit the disk."""
    here = sum(file.stat().st_blocks * 512 for file in draft.rglob("*") if file.is_file())
    missing, free = max(needed_bytes - here, 0), shutil.disk_usage(draft.parent).free
    if missing > free - SPARE_BYTES:
        words = f"its files need {missing / GIB:.1f} GiB more and {free / GIB:.1f} GiB are free on the disk"
        raise OSError(errno.ENOSPC, words, str(draft.parent))


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description="Fetch a model from a hub into a directory of models.")
    parser.add_argument("--hub-id", required=True)
    parser.add_argument("--revision", default="main")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--expected", type=Expected.from_json, default=None, help="what was pinned, as JSON")
    arguments = parser.parse_args()
    try:
        path = fetch(
            hub_id=arguments.hub_id,
            revision=arguments.revision,
            models_dir=arguments.models,
            expected=arguments.expected,
        )
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (OSError, httpx2.HTTPError) as error:
        sys.stderr.write(
            f"{arguments.hub_id} at {arguments.revision} was not fetched: {error}\n"
            "Check the name, the connection and the free space, and run it again: it goes on where it stopped.\n"
        )
        return 1
    sys.stdout.write(json.dumps({"path": str(path)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
