"""Create the first administrator and print the password once, as JSON for the operator's command."""

import json
from typing import Any

from django.core.management.base import BaseCommand

from webapp.accounts.services import ensure_administrator


class Command(BaseCommand):
    help = "Create the administrator 'admin' unless there is one. Prints JSON; the password is printed only when made."

    def handle(self, *args: Any, **options: Any) -> None:
        username, password = ensure_administrator()
        report = {"created": password is not None, "username": username, "password": password}
        self.stdout.write(json.dumps(report))
