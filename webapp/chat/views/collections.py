"""Collections: list, make, share, delete; and the documents in one."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts import api as accounts
from webapp.chat.views.refusals import refusals_as_pages
from webapp.chat.views.requests import is_partial, number, text, user_id
from webapp.knowledge import api as knowledge
from webapp.knowledge.errors import InvalidInput, NotAllowed
from webapp.knowledge.types import CollectionInfo, DocumentInfo

NAME_LENGTH = 200
DESCRIPTION_LENGTH = 2000
AT_WORK = {"queued", "parsing", "embedding"}


@require_safe
@refusals_as_pages
def index(request: HttpRequest) -> HttpResponse:
    found = knowledge.list_collections(user_id=user_id(request))
    context = {
        "section": "collections",
        "yours": [collection for collection in found if collection.owner_id == user_id(request)],
        "shared": [collection for collection in found if collection.owner_id != user_id(request)],
    }
    return render(request, "chat/collections.html", context)


@require_POST
@refusals_as_pages
def create(request: HttpRequest) -> HttpResponse:
    name, description = _words(request)
    if not name:
        messages.warning(request, _("A collection needs a name."))
        return redirect("collections")
    try:
        made = knowledge.create_collection(user_id=user_id(request), name=name, description=description)
    except InvalidInput as refusal:
        messages.warning(request, str(refusal))
        return redirect("collections")
    return redirect("collection", collection_id=made.id)


@require_safe
@refusals_as_pages
def show(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    context = {"section": "collections", **_with_documents(request, collection_id)}
    if is_partial(request):
        return render(request, "chat/_documents.html", context)
    context["all_groups"] = accounts.list_groups()
    context["upload_max_bytes"] = settings.UPLOAD_MAX_BYTES
    return render(request, "chat/collection.html", context)


@require_POST
@refusals_as_pages
def update(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    collection = _writable(request, collection_id)
    name, description = _words(request)
    try:
        knowledge.update_collection(
            user_id=user_id(request),
            collection_id=collection_id,
            name=name or collection.name,
            description=description,
            group_ids=[number(value) for value in request.POST.getlist("groups")],
            everyone=request.POST.get("everyone") == "on",
        )
    except InvalidInput as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, _("The changes are saved."))
    return redirect("collection", collection_id=collection_id)


@require_POST
@refusals_as_pages
def delete(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    collection = _writable(request, collection_id)
    knowledge.delete_collection(user_id=user_id(request), collection_id=collection_id)
    messages.success(request, _("“%(name)s” and its documents are deleted.") % {"name": collection.name})
    return redirect("collections")


def _words(request: HttpRequest) -> tuple[str, str]:
    name = " ".join(text(request.POST, "name").split())[:NAME_LENGTH]
    return name, text(request.POST, "description").strip()[:DESCRIPTION_LENGTH]


def _writable(request: HttpRequest, collection_id: UUID) -> CollectionInfo:
    """The collection, if this user may change it; others are refused."""
    collection = knowledge.get_collection(user_id=user_id(request), collection_id=collection_id)
    if not collection.may_write:
        raise NotAllowed
    return collection


def _with_documents(request: HttpRequest, collection_id: UUID) -> dict[str, Any]:
    collection = knowledge.get_collection(user_id=user_id(request), collection_id=collection_id)
    documents: list[DocumentInfo] = knowledge.list_documents(user_id=user_id(request), collection_id=collection_id)
    return {
        "collection": collection,
        "documents": documents,
        "at_work": any(document.status in AT_WORK for document in documents),
    }
