"""Two people who share nothing, and what one of them has."""

from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from webapp.accounts.models import User
from webapp.agents import api as agents
from webapp.agents.models import Citation, Run
from webapp.agents.types import RunInfo
from webapp.knowledge import api as knowledge
from webapp.knowledge.types import CollectionInfo, DocumentInfo

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def page(ada: User) -> Client:
    """A browser in which Ada is logged in."""
    client = Client()
    client.force_login(ada, backend=BACKEND)
    return client


@pytest.fixture
def other_page(db: None) -> Client:
    """A browser in which somebody else is logged in."""
    client = Client()
    client.force_login(User.objects.create_user("grace"), backend=BACKEND)
    return client


@pytest.fixture
def run(ada: User) -> RunInfo:
    """A question of Ada's that no worker has taken."""
    return agents.create_run(user_id=ada.pk, question="How deep is the reservoir?")


@pytest.fixture
def finished(ada: User, run: RunInfo) -> RunInfo:
    """The same with an answer, whose source has been deleted since."""
    Run.objects.filter(pk=run.id).update(
        status="finished",
        answer="It is **nine** metres deep [1]. <script>alert(1)</script>",
        model_name="scripted-test-engine",
        prompt_version="answer@1a2b3c4d",
        input_tokens=120,
        output_tokens=14,
        duration_ms=4213,
        finished_at=timezone.now(),
    )
    Citation.objects.create(
        run_id=run.id, n=1, chunk_id=1, document_id=uuid4(), title="Survey", char_start=0, char_end=9
    )
    return agents.get_run(user_id=ada.pk, run_id=run.id)


@pytest.fixture
def collection(ada: User) -> CollectionInfo:
    return knowledge.create_collection(user_id=ada.pk, name="Reservoirs", description="All of them")


@pytest.fixture
def document(ada: User, collection: CollectionInfo) -> DocumentInfo:
    content = b"The reservoir is nine metres deep."
    return knowledge.upload_document(
        user_id=ada.pk, collection_id=collection.id, filename="survey.txt", content=content
    )
