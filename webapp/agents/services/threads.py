"""Renaming and deleting conversations."""

from uuid import UUID

from django.db import transaction

from webapp.agents.checkpoints.saver import DjangoSaver
from webapp.agents.errors import InvalidQuestion, NotFound
from webapp.agents.models import Thread
from webapp.agents.runs.kind import KIND
from webapp.agents.services.reading import owned_thread
from webapp.audit import api as audit
from webapp.durable import api as durable
from webapp.knowledge import api as knowledge
from webapp.streaming import api as streaming


def rename_thread(*, user_id: int, thread_id: UUID, title: str) -> None:
    thread = owned_thread(user_id=user_id, thread_id=thread_id)
    thread.title = " ".join(title.replace("\x00", "").split())[:200]
    if not thread.title:
        raise InvalidQuestion("The title is empty.")
    thread.save(update_fields=["title"])


@transaction.atomic
def delete_thread(*, user_id: int, thread_id: UUID) -> None:
    """Remove the conversation with its runs, events, checkpoints, citations and leases, also while one is running.

    The lease goes first: whoever works on the run cannot write any more once this is committed, and notices.
    """
    thread = Thread.objects.select_for_update().filter(pk=thread_id, user_id=user_id).first()
    if thread is None:
        raise NotFound("There is no such conversation.")
    saver = DjangoSaver()
    run_ids = list(thread.runs.order_by("pk").values_list("pk", flat=True))
    for run_id in run_ids:
        durable.forget(kind=KIND, subject_id=run_id)
        saver.delete_thread(str(run_id))
        streaming.delete(run_id=run_id)
    knowledge.delete_retrievals(run_ids=run_ids)
    audit.record(action="thread.delete", actor_id=user_id, object_type="thread", object_id=str(thread_id))
    thread.delete()
