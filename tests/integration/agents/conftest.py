"""A user, a collection with one document whose text is known, and a scripted engine to answer from it.

Runs are executed by calling the task's function: the lease, the database and the engine are real. The embedder is the
real one.
"""

from uuid import UUID

import pytest
from django.contrib.auth import get_user_model

from webapp.agents import api
from webapp.agents.runs.runner import run_once
from webapp.agents.types import RunInfo
from webapp.knowledge import api as knowledge
from webapp.knowledge.models import Document
from webapp.llm.services import endpoints
from webapp.streaming import api as streaming
from webapp.streaming.types import Event

HANDBOOK = (
    "# Waterworks handbook\n\n## Pumps\n\n"
    "Pump seven stands in the eastern hall. It must be greased every second Tuesday with lithium grease. "
    "The valve behind it is closed before the work begins.\n\n"
    "## Ledger\n\n"
    "Every greasing is entered in the green ledger by the person who did it. "
    "The ledger is kept in the office for seven years.\n"
)


@pytest.fixture(scope="session")
def embedder_url(embedder: str) -> str:
    return embedder


@pytest.fixture
def user_id(transactional_db: None) -> int:
    return get_user_model()._default_manager.create_user("ada", password="not-used").pk


@pytest.fixture
def models(transactional_db: None, scripted_engine: str, embedder_url: str) -> None:
    """The scripted engine answers, the real embedder embeds."""
    set_models(scripted_engine, embedder_url)


def set_models(engine: str | None, embedder: str) -> None:
    endpoints.set_model(role="embed", url=embedder, model_name="all-MiniLM-L6-v2", name="MiniLM", detail={})
    if engine:
        endpoints.set_model(
            role="generate",
            url=engine,
            model_name="scripted-test-engine",
            name="scripted-test-engine",
            detail={"max_context_tokens": 8192},
        )


@pytest.fixture
def handbook(user_id: int, models: None) -> UUID:
    """A collection of ``user_id`` with the handbook, indexed."""
    return add_document(user_id, "handbook.md", HANDBOOK)


def add_document(user_id: int, filename: str, text: str) -> UUID:
    from webapp.knowledge.tasks import ingest

    collection = knowledge.create_collection(user_id=user_id, name=filename)
    document = knowledge.upload_document(
        user_id=user_id, collection_id=collection.id, filename=filename, content=text.encode()
    )
    ingest(str(document.id))
    assert Document.objects.get(pk=document.id).status == "ready"
    return document.id


def events(run_id: UUID) -> list[Event]:
    return streaming.read(run_id=run_id, limit=100_000)


def types(run_id: UUID) -> list[str]:
    """Event types in order, a row of equal ones as one."""
    found: list[str] = []
    for event in events(run_id):
        if not found or found[-1] != event.type:
            found.append(event.type)
    return found


def ask(user_id: int, question: str, **more: object) -> RunInfo:
    """Ask and execute in this thread."""
    run = api.create_run(user_id=user_id, question=question, **more)  # type: ignore[arg-type]  # passed on as given
    run_once(run.id)
    return api.get_run(user_id=user_id, run_id=run.id)
