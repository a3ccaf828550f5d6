"""``manage.py endpoint set|clear|list``: tell the web application which model serves a role."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.llm.services import endpoints

ROLES = ("generate", "embed", "rerank")


class Command(BaseCommand):
    help = "Name the model that answers (generate), embeds or reranks, or leave a role without one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verb = verbs.add_parser("set", help="make this endpoint the one in use")
        verb.add_argument("--role", choices=ROLES, required=True)
        verb.add_argument("--url", required=True, help="for example http://127.0.0.1:8410")
        verb.add_argument("--model", required=True, help="the name the engine serves the model under")
        verb.add_argument("--name", default="", help="the name people see; the model's own when left out")
        verb.add_argument("--detail", default="{}", help='JSON, for example {"max_context_tokens": 4096}')
        verb = verbs.add_parser("clear", help="leave the role without a model")
        verb.add_argument("--role", choices=ROLES, required=True)
        verbs.add_parser("list", help="print the endpoints in use as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "set":
            self._set(options)
        elif options["verb"] == "clear":
            changed = endpoints.clear_model(role=options["role"])
            self.stdout.write(f"{options['role']}: {'no model' if changed else 'had no model'}")
        else:
            rows = [
                {"role": m.role, "name": m.name, "url": m.base_url, "model": m.model_name, "detail": dict(m.detail)}
                for m in endpoints.list_models()
            ]
            self.stdout.write(json.dumps(rows, indent=2))

    def _set(self, options: dict[str, Any]) -> None:
        try:
            detail = json.loads(options["detail"])
        except json.JSONDecodeError as error:
            raise CommandError(f"--detail is not JSON: {error}") from error
        if not isinstance(detail, dict):
            raise CommandError("--detail has to be a JSON object")
        try:
            changed = endpoints.set_model(
                role=options["role"],
                url=options["url"],
                model_name=options["model"],
                name=options["name"] or options["model"],
                detail=detail,
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['role']}: {options['model']} ({'set' if changed else 'unchanged'})")
