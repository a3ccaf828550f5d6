"""Who may read what, as SQL. Every question of this room goes through these two functions.

Being staff or a superuser gives no reading right: somebody who runs the appliance need not see its documents.
"""

from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet

from webapp.knowledge.errors import NotAllowed, NotFound
from webapp.knowledge.models import Collection, Document


def readable_collections(user_id: int) -> QuerySet[Collection]:
    """The collections an active user owns, shares through a group, or that are everyone's."""
    membership = Collection.groups.through._default_manager.filter(
        collection_id=OuterRef("pk"), group__user__id=user_id
    )
    active = get_user_model()._default_manager.filter(pk=user_id, is_active=True)
    return Collection.objects.filter(Exists(active)).filter(Q(owner_id=user_id) | Q(everyone=True) | Exists(membership))


def readable_documents(user_id: int) -> QuerySet[Document]:
    return Document.objects.filter(collection__in=readable_collections(user_id))


def find_readable_collection(user_id: int, collection_id: UUID) -> Collection:
    """Raises NotFound alike for what does not exist and what this user may not see."""
    collection = readable_collections(user_id).filter(pk=collection_id).first()
    if collection is None:
        raise NotFound("collection")
    return collection


def get_writable_collection(user_id: int, collection_id: UUID) -> Collection:
    """The collection, locked until the transaction ends. Raises NotFound, NotAllowed.

    The lock leaves room for the foreign keys of an ingestion that is about to commit.
    """
    collection = find_readable_collection(user_id, collection_id)
    if not may_write(user_id, collection, is_staff=is_staff(user_id)):
        raise NotAllowed
    locked = Collection.objects.select_for_update(no_key=True).filter(pk=collection_id).first()
    if locked is None:
        raise NotFound("collection")
    return locked


def is_staff(user_id: int) -> bool:
    return get_user_model()._default_manager.filter(pk=user_id, is_active=True, is_staff=True).exists()


def may_write(user_id: int, collection: Collection, *, is_staff: bool) -> bool:
    """The owner; when there is none, staff, so that somebody can look after it."""
    return collection.owner_id == user_id or (collection.owner_id is None and is_staff)
