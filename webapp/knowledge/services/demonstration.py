"""A collection that a command keeps equal to files on disk: new ones are added, changed ones replaced, vanished ones
removed. Everyone may read it. What people upload to it is theirs and stays; when somebody deletes it, it stays away.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db import transaction

from webapp.knowledge.models import Collection, DeletedSystemCollection, Document, Status
from webapp.knowledge.services import documents

SYSTEM_NAME = "about-this-appliance"
NAME = "About this appliance"
DESCRIPTION = "The appliance's own documentation, to try it out with."


@dataclass(frozen=True)
class Changes:
    """What an update did, as counts."""

    added: int
    replaced: int
    removed: int
    unchanged: int


@dataclass(frozen=True)
class Progress:
    """How far the collection's indexing is. ``failed`` holds names with their reasons."""

    total: int
    ready: int
    failed: tuple[tuple[str, str], ...]

    @property
    def finished(self) -> bool:
        return self.ready + len(self.failed) == self.total


@transaction.atomic
def update_demonstration(files: Mapping[str, bytes], *, restore: bool = False) -> Changes | None:
    """Make the collection hold these files, by name and content, beside what people uploaded. Documents that failed are
    queued again. None when somebody deleted the collection, unless ``restore`` makes it again."""
    if restore:
        DeletedSystemCollection.objects.filter(system_name=SYSTEM_NAME).delete()
    elif DeletedSystemCollection.objects.filter(system_name=SYSTEM_NAME).exists():
        return None
    collection = _ensure_collection()
    wanted = {documents.clean_path(name): content for name, content in files.items() if content.strip()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in wanted.items()}
    kept: dict[str, str] = {}
    removed: set[str] = set()
    uploaded: set[str] = set()
    for row in Document.objects.filter(collection=collection):
        if not row.maintained:
            uploaded.add(row.sha256)
        elif digests.get(row.filename) == row.sha256 and row.status != Status.FAILED:
            kept[row.sha256] = row.filename
        else:
            removed.add(row.filename)
            documents.remove_document(row.pk, None)
    stored = set()
    for name, content in sorted(wanted.items()):
        # A second file of the same content is the same document, whoever brought it.
        if digests[name] not in kept and digests[name] not in uploaded:
            kept[digests[name]] = name
            stored.add(name)
            documents.store_document(collection.pk, None, name, content, maintained=True)
    replaced = len(stored & removed)
    return Changes(len(stored) - replaced, replaced, len(removed) - replaced, len(kept) - len(stored))


def read_progress() -> Progress:
    rows = Document.objects.filter(collection__system_name=SYSTEM_NAME, maintained=True)
    found = list(rows.values_list("filename", "status", "reason"))
    failed = tuple((name, reason) for name, status, reason in found if status == Status.FAILED)
    return Progress(len(found), sum(status == Status.READY for _, status, _ in found), failed)


def _ensure_collection() -> Collection:
    """Owned by the first administrator as soon as there is one; its name and sharing stay as people left them."""
    collection, _ = Collection.objects.select_for_update(no_key=True).get_or_create(
        system_name=SYSTEM_NAME, defaults={"name": NAME, "description": DESCRIPTION, "everyone": True}
    )
    if collection.owner_id is None:
        users = get_user_model()._default_manager.filter(is_superuser=True, is_active=True)
        collection.owner_id = users.order_by("pk").values_list("pk", flat=True).first()
        collection.save(update_fields=["owner"])
    return collection
