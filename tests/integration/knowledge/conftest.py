"""People, the real embedder, and documents brought to an end without a worker process."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.contrib.auth.models import Group

from webapp.accounts.models import User
from webapp.knowledge import api
from webapp.knowledge.services import ingestion
from webapp.knowledge.types import DocumentInfo
from webapp.llm.services import endpoints

Index = Callable[..., DocumentInfo]


@pytest.fixture
def embedding_endpoint(db: None, embedder: str) -> str:
    endpoints.set_model(
        role="embed",
        url=embedder,
        model_name="all-MiniLM-L6-v2",
        name="all-MiniLM-L6-v2",
        detail={"dimensions": 384},
    )
    return embedder


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password="x")


@pytest.fixture
def ben(db: None) -> User:
    return User.objects.create_user("ben", password="x")


@pytest.fixture
def team(ben: User) -> Group:
    group = Group.objects.create(name="team")
    ben.groups.add(group)
    return group


@pytest.fixture
def index(embedding_endpoint: str) -> Index:
    """Upload a text and index it at once."""

    def upload(user: User, collection_id: UUID, text: str, *, filename: str = "note.md") -> DocumentInfo:
        document = api.upload_document(
            user_id=user.pk, collection_id=collection_id, filename=filename, content=text.encode()
        )
        ingestion.ingest(document.id)
        return api.get_document(user_id=user.pk, document_id=document.id)

    return upload
