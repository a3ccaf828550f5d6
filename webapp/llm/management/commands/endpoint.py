"""``manage.py endpoint set|add|fallback|further|remove|clear|list``: which models answer where."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.llm.declaring import read_declared
from webapp.llm.services import endpoints, further

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
        verb = verbs.add_parser("add", help="name another endpoint of the model that is set; calls are shared out")
        verb.add_argument("--role", choices=ROLES, required=True)
        verb.add_argument("--url", required=True)
        verb.add_argument("--model", required=True, help="the same name; another model is refused")
        verb = verbs.add_parser("fallback", help="name a model that answers when the one that is set cannot")
        verb.add_argument("--role", choices=("generate",), required=True)
        verb.add_argument("--url", required=True)
        verb.add_argument("--model", required=True, help="the name its engine serves it under")
        verb.add_argument("--name", default="", help="the name people see; the model's own when left out")
        verb.add_argument("--detail", default="{}", help='JSON, for example {"max_context_tokens": 4096}')
        verb = verbs.add_parser("further", help="name every model that runs beside those: what is not named goes")
        verb.add_argument("--entries", required=True, help="JSON: a list of role, place, url, model and detail")
        verb = verbs.add_parser("remove", help="take the endpoint at an address away")
        verb.add_argument("--role", choices=ROLES, required=True)
        verb.add_argument("--url", required=True)
        verb = verbs.add_parser("clear", help="leave the role without a model")
        verb.add_argument("--role", choices=ROLES, required=True)
        verbs.add_parser("list", help="print the endpoints in use as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(getattr(self, f"_{options['verb']}")(options))
        except ValueError as error:
            raise CommandError(str(error)) from error

    def _set(self, options: dict[str, Any]) -> str:
        changed = endpoints.set_model(
            role=options["role"],
            url=options["url"],
            model_name=options["model"],
            name=options["name"] or options["model"],
            detail=_read_detail(options["detail"]),
        )
        return f"{options['role']}: {options['model']} ({'set' if changed else 'unchanged'})"

    def _add(self, options: dict[str, Any]) -> str:
        changed = endpoints.add_endpoint(role=options["role"], url=options["url"], model_name=options["model"])
        return f"{options['role']}: {options['url']} ({'added' if changed else 'unchanged'})"

    def _fallback(self, options: dict[str, Any]) -> str:
        changed = endpoints.set_fallback(
            url=options["url"],
            model_name=options["model"],
            name=options["name"] or options["model"],
            detail=_read_detail(options["detail"]),
        )
        return f"{options['role']}: {options['model']} is the fallback ({'set' if changed else 'unchanged'})"

    def _further(self, options: dict[str, Any]) -> str:
        declared = read_declared(options["entries"])
        changed = further.declare(declared)
        return f"{len(declared)} further models ({'set' if changed else 'unchanged'})"

    def _remove(self, options: dict[str, Any]) -> str:
        changed = endpoints.remove_endpoint(role=options["role"], url=options["url"])
        return f"{options['role']}: {options['url']} ({'removed' if changed else 'was not registered'})"

    def _clear(self, options: dict[str, Any]) -> str:
        changed = endpoints.clear_model(role=options["role"])
        return f"{options['role']}: {'no model' if changed else 'had no model'}"

    def _list(self, options: dict[str, Any]) -> str:
        rows = [
            {"role": m.role, "place": m.place, "name": m.name, "url": m.base_url, "model": m.model_name}
            | {"detail": dict(m.detail)}
            for m in endpoints.list_models()
        ]
        return json.dumps(rows, indent=2)


def _read_detail(text: str) -> dict[str, Any]:
    try:
        detail = json.loads(text)
    except json.JSONDecodeError as error:
        raise CommandError(f"--detail is not JSON: {error}") from error
    if not isinstance(detail, dict):
        raise CommandError("--detail has to be a JSON object")
    return detail
