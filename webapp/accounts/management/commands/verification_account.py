"""``manage.py verification_account open|close``: an account with which an installation is tried out, for minutes."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from webapp.accounts.services import close_verification_account, open_verification_account


class Command(BaseCommand):
    help = "Let the account 'verification' log in with a password that is printed once, as JSON; or shut it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("open", help="print the name and a new password")
        verbs.add_parser("close", help="refuse the account and end its sessions")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "open":
            username, password = open_verification_account()
            self.stdout.write(json.dumps({"username": username, "password": password}))
        else:
            self.stdout.write("closed" if close_verification_account() else "was closed")
