"""A new question, and the conversations so far."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from webapp.agents import api as agents
from webapp.chat.labels import live_labels
from webapp.chat.views.refusals import refusals_as_pages
from webapp.chat.views.requests import is_partial, text, user_id
from webapp.knowledge import api as knowledge
from webapp.llm import api as llm


def build_composer(request: HttpRequest, chosen: tuple[UUID, ...] | None = None) -> dict[str, Any]:
    """What the question field needs: the collections to choose from and the model that answers."""
    collections = knowledge.list_collections(user_id=user_id(request))
    return {
        "collections": collections,
        "chosen_ids": set(chosen or ()),
        "model": llm.find_model(),
        "labels": live_labels(),
        "has_documents": any(collection.document_count for collection in collections),
    }


@require_safe
@refusals_as_pages
def new(request: HttpRequest) -> HttpResponse:
    context = {
        "section": "new",
        "threads": agents.list_threads(user_id=user_id(request)),
        "starters": [
            _("What data leaves the appliance?"),
            _("Which parts does the appliance consist of, and what does each do?"),
            _("How do I add a document, and which kinds can be read?"),
        ],
        **build_composer(request),
    }
    return render(request, "chat/new.html", context)


@require_safe
@refusals_as_pages
def threads(request: HttpRequest) -> HttpResponse:
    search = text(request.GET, "search")[:200]
    found = agents.list_threads(user_id=user_id(request), search=search)
    context = {"section": "threads", "threads": found, "search": search}
    template = "chat/_thread_list.html" if is_partial(request) else "chat/threads.html"
    return render(request, template, context)


@require_safe
@refusals_as_pages
def thread(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    view = agents.get_thread(user_id=user_id(request), thread_id=thread_id)
    last = view.runs[-1] if view.runs else None
    context = {
        "section": "threads",
        "thread": view.info,
        "runs": view.runs,
        "threads": agents.list_threads(user_id=user_id(request)),
        **build_composer(request, last.collection_ids if last else None),
    }
    return render(request, "chat/thread.html", context)


@require_POST
@refusals_as_pages
def rename(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    title = " ".join(text(request.POST, "title").split())[:200]
    if title:
        agents.rename_thread(user_id=user_id(request), thread_id=thread_id, title=title)
    else:
        messages.warning(request, _("A conversation needs a name: it keeps the old one."))
        agents.get_thread(user_id=user_id(request), thread_id=thread_id)
    return redirect("thread", thread_id=thread_id)


@require_POST
@refusals_as_pages
def delete(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    agents.delete_thread(user_id=user_id(request), thread_id=thread_id)
    messages.success(request, _("The conversation is deleted."))
    return redirect("new")
