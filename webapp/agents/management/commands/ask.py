"""``manage.py ask "question"``: ask at the terminal what one would ask on the page, through the same worker."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from webapp.agents.errors import InvalidQuestion
from webapp.agents.services import asking, terminal

PICK_UP_SECONDS = 60.0


class Command(BaseCommand):
    help = "Ask a question, print the answer as it is written, then its sources."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--user", default="", help="as whom to ask; the first administrator when left out")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead")
        parser.add_argument(
            "--pick-up-seconds", type=float, default=PICK_UP_SECONDS, help="how long to wait for a worker"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user_id = self._user_id(options["user"])
        try:
            run = asking.create_run(user_id=user_id, question=options["question"])
        except InvalidQuestion as error:
            raise CommandError(str(error)) from error
        try:
            transcript = terminal.follow_run(
                run_id=run.id,
                out=None if options["json"] else self.stdout,
                notes=self.stderr,
                pick_up_seconds=options["pick_up_seconds"],
            )
        except terminal.NotPickedUp as error:
            asking.cancel_run(user_id=user_id, run_id=run.id)
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            asking.cancel_run(user_id=user_id, run_id=run.id)
            raise CommandError("stopped") from None
        if options["json"]:
            self.stdout.write(terminal.as_json(user_id=user_id, run_id=run.id, transcript=transcript))
            if transcript.failure:
                sys.exit(1)
        elif transcript.failure:
            raise CommandError(transcript.failure)
        else:
            terminal.show_sources(user_id=user_id, run_id=run.id, transcript=transcript, out=self.stdout)

    def _user_id(self, username: str) -> int:
        users = get_user_model()._default_manager.filter(is_active=True).order_by("pk")
        user = users.filter(username=username).first() if username else users.filter(is_superuser=True).first()
        if user is None:
            who = f"There is no user {username!r}" if username else "There is no administrator"
            raise CommandError(f"{who}; `bin/appliance up` makes the first one")
        return user.pk
