"""``manage.py record_acknowledgement JSON``: a person acknowledged a model's licence on the operator's command line.

Doing it twice with the same id records it once.
"""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from webapp.audit import api
from webapp.audit.models import AuditEvent

SCHEMA_VERSION = 1
ACTION = "model.licence_acknowledge"
OBJECT = "licence_acknowledgement"
KEYS = frozenset({"at", "name", "os_user", "model", "licence", "licence_name", "text_id", "origin"})


class Command(BaseCommand):
    help = "Record that a person acknowledged a model's licence. Takes and prints JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("document", help='{"schema_version": 1, "id": ..., "name": ..., "model": ...}')

    def handle(self, *args: Any, **options: Any) -> None:
        acknowledgement, detail = read_document(options["document"])
        there = AuditEvent.objects.filter(action=ACTION, object_type=OBJECT, object_id=acknowledgement).exists()
        if not there:
            api.record(action=ACTION, actor_id=None, object_type=OBJECT, object_id=acknowledgement, detail=detail)
        self.stdout.write(json.dumps({"schema_version": SCHEMA_VERSION, "recorded": not there}))


def read_document(text: str) -> tuple[str, dict[str, str]]:
    """The id and what is kept with it. Raises CommandError."""
    try:
        document = json.loads(text)
        version, acknowledgement = document.pop("schema_version"), str(UUID(document.pop("id")))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CommandError(f"this is no acknowledgement: {error}") from error
    if version != SCHEMA_VERSION:
        raise CommandError(f"schema_version {version!r} is not known here")
    if document.keys() != KEYS or not all(isinstance(value, str) for value in document.values()):
        raise CommandError(f"an acknowledgement has {', '.join(sorted(KEYS))}, each a text")
    if not document["name"].strip():
        raise CommandError("an acknowledgement names a person")
    return acknowledgement, document
