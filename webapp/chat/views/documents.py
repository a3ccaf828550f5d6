"""Documents: upload, look at the extracted text, try again, delete."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from webapp.chat.passages import build_part
from webapp.chat.views.refusals import refusals_as_pages
from webapp.chat.views.requests import number, user_id
from webapp.knowledge import api as knowledge
from webapp.knowledge.errors import DuplicateDocument, InvalidInput, UnreadableDocument

FILES_AT_ONCE = 50


@require_POST
@refusals_as_pages
def upload(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Take every file that can be read; say for each of the others why it was not taken."""
    files = request.FILES.getlist("files")[:FILES_AT_ONCE]
    limit_bytes = settings.APPLIANCE.ingestion.max_upload_mib * 2**20
    taken = 0
    knowledge.get_collection(user_id=user_id(request), collection_id=collection_id)
    for file in files:
        name = file.name or ""
        if file.size is not None and file.size > limit_bytes:
            text = _("“%(name)s” is larger than %(limit)d MiB, the limit of this appliance.")
            messages.error(request, text % {"name": name, "limit": settings.APPLIANCE.ingestion.max_upload_mib})
            continue
        try:
            knowledge.upload_document(
                user_id=user_id(request), collection_id=collection_id, filename=name, content=file.read()
            )
            taken += 1
        except (UnreadableDocument, DuplicateDocument, InvalidInput) as refusal:
            messages.error(request, _("“%(name)s” was not taken. %(reason)s") % {"name": name, "reason": refusal})
    if not files:
        messages.warning(request, _("Choose at least one file."))
    if taken:
        text = ngettext("%(count)d file is being read.", "%(count)d files are being read.", taken)
        messages.success(request, text % {"count": taken})
    return redirect("collection", collection_id=collection_id)


@require_safe
@refusals_as_pages
def show(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """A part of the extracted text, the one that begins with block ``?at=``. ``?chunk=`` highlights a passage,
    ``&from=&to=`` a quotation inside it."""
    view = knowledge.get_document_view(user_id=user_id(request), document_id=document_id)
    collection = knowledge.get_collection(user_id=user_id(request), collection_id=view.info.collection_id)
    start, end = _span(request, document_id)
    at = number(request.GET["at"]) if "at" in request.GET else None
    context = {
        "section": "collections",
        "document": view.info,
        "collection": collection,
        "part": build_part(view, start, end, at=at),
        "has_passage": end > start,
        "missing_passage": "chunk" in request.GET and end <= start,
    }
    return render(request, "chat/document.html", context)


def _span(request: HttpRequest, document_id: UUID) -> tuple[int, int]:
    chunk_id = number(request.GET.get("chunk", ""))
    if not chunk_id:
        return 0, 0
    for passage in knowledge.get_passages(user_id=user_id(request), chunk_ids=[chunk_id]):
        if passage.document_id == document_id:
            start = number(request.GET.get("from", ""), default=passage.char_start)
            end = number(request.GET.get("to", ""), default=passage.char_end)
            inside = passage.char_start <= start < end <= passage.char_end
            return (start, end) if inside else (passage.char_start, passage.char_end)
    return 0, 0


@require_POST
@refusals_as_pages
def retry(request: HttpRequest, document_id: UUID) -> HttpResponse:
    document = knowledge.get_document(user_id=user_id(request), document_id=document_id)
    knowledge.retry_document(user_id=user_id(request), document_id=document_id)
    return redirect("collection", collection_id=document.collection_id)


@require_POST
@refusals_as_pages
def delete(request: HttpRequest, document_id: UUID) -> HttpResponse:
    document = knowledge.get_document(user_id=user_id(request), document_id=document_id)
    knowledge.delete_document(user_id=user_id(request), document_id=document_id)
    messages.success(request, _("“%(title)s” is deleted.") % {"title": document.title})
    return redirect("collection", collection_id=document.collection_id)
