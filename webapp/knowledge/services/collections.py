"""Collections: list, make, share, delete."""

from collections.abc import Collection as SizedIterable
from uuid import UUID

from django.contrib.auth.models import Group
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import Count, Q

from webapp.audit import api as audit
from webapp.audit.types import JSON
from webapp.knowledge.errors import InvalidInput, NotFound
from webapp.knowledge.models import Collection, DeletedSystemCollection, Document
from webapp.knowledge.services import access, documents
from webapp.knowledge.types import CollectionInfo

NAME_LENGTH = 200
DESCRIPTION_LENGTH = 5000


def list_collections(user_id: int, collection_id: UUID | None = None) -> list[CollectionInfo]:
    """All that the user may read, or the one asked for, by name."""
    rows = access.readable_collections(user_id)
    if collection_id is not None:
        rows = rows.filter(pk=collection_id)
    rows = rows.annotate(
        document_count=Count("documents", distinct=True),
        shared_with=ArrayAgg("groups__id", filter=Q(groups__isnull=False), distinct=True, default=[]),
    ).order_by("name", "created_at")
    staff = access.is_staff(user_id)
    return [
        _build_info(
            row,
            document_count=row.document_count,
            group_ids=tuple(row.shared_with),
            may_write=access.may_write(user_id, row, is_staff=staff),
        )
        for row in rows
    ]


def get_collection(user_id: int, collection_id: UUID) -> CollectionInfo:
    found = list_collections(user_id, collection_id)
    if not found:
        raise NotFound("collection")
    return found[0]


@transaction.atomic
def create_collection(user_id: int, name: str, description: str) -> CollectionInfo:
    collection = Collection.objects.create(
        name=_clean_name(name), description=_clean_description(description), owner_id=user_id
    )
    _record("collection.create", user_id, collection)
    return get_collection(user_id, collection.pk)


@transaction.atomic
def update_collection(
    user_id: int, collection_id: UUID, name: str, description: str, group_ids: SizedIterable[int], everyone: bool
) -> CollectionInfo:
    """Rename and share. Raises InvalidInput for a group that does not exist."""
    collection = access.get_writable_collection(user_id, collection_id)
    wanted = set(group_ids)
    if Group.objects.filter(pk__in=wanted).count() != len(wanted):
        raise InvalidInput("One of the chosen groups no longer exists. Choose the groups again.")
    collection.name = _clean_name(name)
    collection.description = _clean_description(description)
    collection.everyone = everyone
    collection.save(update_fields=["name", "description", "everyone"])
    collection.groups.set(wanted)
    _record("collection.update", user_id, collection, group_ids=sorted(wanted), everyone=everyone)
    return get_collection(user_id, collection_id)


@transaction.atomic
def delete_collection(user_id: int, collection_id: UUID) -> None:
    collection = access.get_writable_collection(user_id, collection_id)
    rows = list(Document.objects.filter(collection=collection).only("pk"))
    for row in rows:
        documents.forget_work(row.pk)
    _record("collection.delete", user_id, collection, documents=len(rows))
    if collection.system_name is not None:
        DeletedSystemCollection.objects.get_or_create(system_name=collection.system_name)
    collection.delete()


def _build_info(row: Collection, *, document_count: int, group_ids: tuple[int, ...], may_write: bool) -> CollectionInfo:
    return CollectionInfo(
        id=row.pk,
        name=row.name,
        description=row.description,
        owner_id=row.owner_id,
        everyone=row.everyone,
        group_ids=group_ids if may_write else (),
        document_count=document_count,
        may_write=may_write,
        created_at=row.created_at,
    )


def _clean_name(name: str) -> str:
    cleaned = " ".join(name.replace("\x00", "").split())
    if not cleaned:
        raise InvalidInput("Give the collection a name.")
    if len(cleaned) > NAME_LENGTH:
        raise InvalidInput(f"The name is too long: at most {NAME_LENGTH} characters.")
    return cleaned


def _clean_description(description: str) -> str:
    cleaned = description.replace("\x00", "").strip()
    if len(cleaned) > DESCRIPTION_LENGTH:
        raise InvalidInput(f"The description is too long: at most {DESCRIPTION_LENGTH} characters.")
    return cleaned


def _record(action: str, user_id: int, collection: Collection, **detail: JSON) -> None:
    audit.record(
        action=action,
        actor_id=user_id,
        object_type="collection",
        object_id=str(collection.pk),
        detail={"name": collection.name, **detail},
    )
