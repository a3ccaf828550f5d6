"""``manage.py load_demo``: keep the collection "About this appliance" equal to the documentation."""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from appliance.settings import environment
from webapp.knowledge.errors import KnowledgeError, UnreadableDocument
from webapp.knowledge.services import demonstration

ENDINGS = {".md", ".txt", ".html", ".pdf", ".docx"}
INDEX_PAGE = "README.md"
POLL_SECONDS = 0.5


class Command(BaseCommand):
    help = "Load files into the collection about the appliance, which everyone may read. Changes only what changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--path", action="append", type=Path, required=True, help="a file or a folder; repeatable")
        parser.add_argument("--wait", action="store_true", help="show progress until everything is indexed")
        parser.add_argument("--restore", action="store_true", help="make the collection again when somebody deleted it")
        parser.add_argument("--timeout", type=int, default=900, help="give up waiting after this many seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        files = read_files(options["path"], environment.REPOSITORY)
        try:
            changes = demonstration.update_demonstration(files, restore=options["restore"])
        except (KnowledgeError, UnreadableDocument) as error:
            raise CommandError(str(error)) from error
        if changes is None:
            self.stdout.write("The collection has been deleted and is not made again; --restore does.")
            return
        self.stdout.write(
            f"{changes.added} documents added, {changes.replaced} replaced, {changes.removed} removed, "
            f"{changes.unchanged} unchanged"
        )
        if options["wait"]:
            self._wait(options["timeout"])

    def _wait(self, timeout_seconds: int) -> None:
        deadline = time.monotonic() + timeout_seconds
        shown = -1
        while True:
            progress = demonstration.read_progress()
            if progress.ready != shown:
                shown = progress.ready
                ending = "" if sys.stdout.isatty() and not progress.finished else "\n"
                start = "\r" if sys.stdout.isatty() else ""
                self.stdout.write(f"{start}{progress.ready} of {progress.total} documents indexed", ending=ending)
                self.stdout.flush()
            if progress.finished:
                break
            if time.monotonic() > deadline:
                raise CommandError(
                    f"After {timeout_seconds} seconds {progress.total - progress.ready} documents are still waiting. "
                    "Look at `bin/appliance status`: the ingester and the embedder must be running."
                )
            time.sleep(POLL_SECONDS)
        for name, reason in progress.failed:
            self.stderr.write(f"{name}: {reason}")
        if progress.failed:
            raise CommandError(f"{len(progress.failed)} documents could not be indexed; the reasons are above.")


def read_files(paths: list[Path], root: Path) -> dict[str, bytes]:
    """Contents by path relative to ``root``. A folder's index page only points at its other pages, and is left out.

    Raises CommandError for a path that does not exist.
    """
    found: dict[str, bytes] = {}
    for path in paths:
        absolute = (root / path).resolve()
        if not absolute.exists():
            raise CommandError(f"{path} does not exist; name a file or a folder, absolute or relative to {root}.")
        inside = absolute.rglob("*") if absolute.is_dir() else [absolute]
        files = sorted(file for file in inside if file == absolute or file.name != INDEX_PAGE)
        for file in files:
            if file.is_file() and file.suffix.lower() in ENDINGS:
                name = file.relative_to(root) if file.is_relative_to(root) else Path(file.name)
                found[name.as_posix()] = file.read_bytes()
    return found
