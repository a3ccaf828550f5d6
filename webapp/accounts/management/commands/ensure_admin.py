"""Create the first administrator and print the password once, as JSON for the operator's command."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.accounts.services import ensure_administrator


class Command(BaseCommand):
    help = "Create the administrator 'admin' unless there is one. Prints JSON; the password is printed only when made."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--password-file", type=Path, help="a file with the first password, which is then not printed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path | None = options["password_file"]
        given = None if file is None else _read(file)
        username, password = ensure_administrator(password=given)
        report = {"created": password is not None, "username": username, "password": None if given else password}
        self.stdout.write(json.dumps(report))


def _read(file: Path) -> str:
    try:
        password = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    if not password:
        raise CommandError(f"{file} is empty; write the first administrator's password into it.")
    return password
