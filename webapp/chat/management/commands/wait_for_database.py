"""``manage.py wait_for_database``: what has to come first, for Pods that start beside their database."""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from webapp.chat.readiness import is_migrated, is_reachable

PAUSE_SECONDS = 2.0


class Command(BaseCommand):
    help = "Wait until the database answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, default=600, help="how long to wait")
        parser.add_argument("--migrated", action="store_true", help="until its tables are this release's, too")

    def handle(self, *args: Any, **options: Any) -> None:
        check: Callable[[], bool] = is_migrated if options["migrated"] else is_reachable
        deadline = time.monotonic() + options["seconds"]
        while not check():
            if time.monotonic() > deadline:
                state = "has the tables of this release" if options["migrated"] else "answers"
                settings = connections["default"].settings_dict
                raise CommandError(
                    f"No database {settings['NAME']} that {state} at {settings['HOST']}:{settings['PORT']} after "
                    f"{options['seconds']:.0f} seconds. Look at the setup Job's log and at the database."
                )
            time.sleep(PAUSE_SECONDS)
        self.stdout.write("The database is ready.")
