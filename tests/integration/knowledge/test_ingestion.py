"""Indexing ends in one transaction, or in a reason; what may pass by itself is tried again."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from django.db import connection, transaction
from pytest_django import Settings

from tests.integration.knowledge.conftest import Index
from tests.unit.knowledge.parsing.files import make_bomb, make_pdf
from webapp.accounts.models import User
from webapp.durable import api as durable
from webapp.durable.errors import LeaseLost
from webapp.durable.models import Lease
from webapp.knowledge import api
from webapp.knowledge.errors import DuplicateDocument, InvalidInput, UnreadableDocument
from webapp.knowledge.models import Chunk, Document, DocumentText, Status
from webapp.knowledge.parsing.errors import Reason
from webapp.knowledge.parsing.sandbox import parse_in_child
from webapp.knowledge.parsing.types import ParsedDocument
from webapp.knowledge.services import ingestion
from webapp.llm import api as llm
from webapp.llm.services import endpoints, wire
from webapp.usage.models import Call
from webapp.usage.types import Attribution

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "# Leave\n\n" + "\n\n".join(f"Rule {n}: staff may take leave {n} after asking the office." for n in range(120))


@pytest.fixture
def collection_id(ann: User) -> UUID:
    return api.create_collection(user_id=ann.pk, name="Handbook").id


def upload(user: User, collection_id: UUID, content: bytes, filename: str = "note.md") -> UUID:
    return api.upload_document(user_id=user.pk, collection_id=collection_id, filename=filename, content=content).id


def index_rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM search.knowledge_chunk_rows")
        return int(cursor.fetchone()[0])


def test_document_becomes_searchable_whole(ann: User, collection_id: UUID, index: Index) -> None:
    info = index(ann, collection_id, LONG, filename="leave.md")
    assert (info.status, info.reason, info.title, info.media_type) == ("ready", "", "Leave", "text/markdown")
    assert info.progress_done == info.progress_total == Chunk.objects.count() == index_rows() > 5
    text = DocumentText.objects.get().text
    for chunk in Chunk.objects.all():
        assert text[chunk.char_start : chunk.char_end] == chunk.text
        assert chunk.heading_path == ["Leave"]
        assert sum(value * value for value in chunk.embedding) == pytest.approx(1, abs=1e-3)
    view = api.get_document_view(user_id=ann.pk, document_id=info.id)
    assert view.text == text
    assert [view.text[block.char_start : block.char_end] for block in view.blocks][:1] == ["Leave"]
    assert Call.objects.filter(kind="embed", user_id=ann.pk, status="ok").exists()
    assert Lease.objects.get(subject_id=info.id).state == "done"


def test_pdf_keeps_its_pages(ann: User, collection_id: UUID, embedding_endpoint: str) -> None:
    pages = [[f"This is page number {n} of the handbook about pensions."] * 12 for n in (1, 2)]
    document_id = upload(ann, collection_id, make_pdf(pages), "handbook.pdf")
    ingestion.ingest(document_id)
    assert api.get_document(user_id=ann.pk, document_id=document_id).page_count == 2
    assert [(chunk.page_start, chunk.page_end) for chunk in Chunk.objects.order_by("ordinal")] == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("content", "filename", "says"),
    [
        (make_pdf([[], []]), "scan.pdf", "no text in this file"),
        (make_pdf([["x"]], password="hidden"), "locked.pdf", "protected with a password"),
        (make_pdf([["x"]])[:300], "half.pdf", "damaged or incomplete"),
        (make_bomb(60), "bomb.docx", "unpacks to far more"),
    ],
)
def test_unreadable_file_fails_with_a_reason(
    ann: User, collection_id: UUID, content: bytes, filename: str, says: str
) -> None:
    document_id = upload(ann, collection_id, content, filename)
    ingestion.ingest(document_id)
    info = api.get_document(user_id=ann.pk, document_id=document_id)
    assert info.status == "failed"
    assert says in info.reason
    assert (Chunk.objects.count(), DocumentText.objects.count(), index_rows()) == (0, 0, 0)
    assert Lease.objects.get(subject_id=document_id).state == "done"


def test_upload_refuses_at_once_what_its_content_shows(ann: User, collection_id: UUID, settings: Settings) -> None:
    def refuse(content: bytes, filename: str) -> Reason:
        with pytest.raises(UnreadableDocument) as caught:
            upload(ann, collection_id, content, filename)
        return caught.value.reason

    assert refuse(b"", "a.txt") == Reason.EMPTY
    assert refuse(b"MZ\x90\x00\x03" + bytes(300), "report.pdf") == Reason.WRONG_NAME
    small = settings.APPLIANCE.ingestion.model_copy(update={"max_upload_mib": 1})
    settings.APPLIANCE = settings.APPLIANCE.model_copy(update={"ingestion": small})
    assert refuse(b"x" * (2**20 + 1), "a.txt") == Reason.TOO_LARGE
    assert Document.objects.count() == 0


def test_same_file_is_refused_in_the_same_collection_only(ann: User, collection_id: UUID) -> None:
    upload(ann, collection_id, b"words", "first.md")
    with pytest.raises(DuplicateDocument, match="first"):
        upload(ann, collection_id, b"words", "second.md")
    other = api.create_collection(user_id=ann.pk, name="Other").id
    upload(ann, other, b"words", "first.md")
    assert Document.objects.count() == 2


@pytest.mark.parametrize(
    ("filename", "stored"),
    [
        ("../../etc/passwd.md", "passwd.md"),
        ("C:\\files\\a.md", "a.md"),
        ("a\x00b\n.md", "a b .md"),
        ("x" * 400 + ".md", 300),
    ],
)
def test_filename_is_made_harmless(ann: User, collection_id: UUID, filename: str, stored: str | int) -> None:
    document_id = upload(ann, collection_id, b"words", filename)
    name = api.get_document(user_id=ann.pk, document_id=document_id).filename
    assert stored in (name, len(name))


def test_nameless_file_is_refused(ann: User, collection_id: UUID) -> None:
    with pytest.raises(InvalidInput):
        upload(ann, collection_id, b"words", " / ")


def test_silent_embedder_is_tried_again(ann: User, collection_id: UUID, embedding_endpoint: str) -> None:
    endpoints.set_model(
        role="embed", url="http://127.0.0.1:9", model_name="all-MiniLM-L6-v2", name="x", detail={"dimensions": 384}
    )
    document_id = upload(ann, collection_id, LONG.encode())
    ingestion.ingest(document_id)
    assert api.get_document(user_id=ann.pk, document_id=document_id).status == "queued"
    assert (Chunk.objects.count(), index_rows()) == (0, 0)
    assert Lease.objects.get(subject_id=document_id).state == "queued"
    endpoints.set_model(
        role="embed",
        url=embedding_endpoint,
        model_name="all-MiniLM-L6-v2",
        name="x",
        detail={"dimensions": 384},
    )
    Lease.objects.update(available_at="2000-01-01T00:00:00Z")
    ingestion.ingest(document_id)
    assert api.get_document(user_id=ann.pk, document_id=document_id).status == "ready"


def test_embedder_that_stays_silent_becomes_a_reason(ann: User, collection_id: UUID) -> None:
    document_id = upload(ann, collection_id, LONG.encode())
    for _ in range(ingestion.MAX_ATTEMPTS):
        Lease.objects.update(available_at="2000-01-01T00:00:00Z")
        ingestion.ingest(document_id)
    info = api.get_document(user_id=ann.pk, document_id=document_id)
    assert info.status == "failed"
    assert "embedding service" in info.reason
    assert api.retry_document(user_id=ann.pk, document_id=document_id).status == "queued"
    assert Lease.objects.get(subject_id=document_id).state == "queued"


def test_failure_in_the_last_step_leaves_no_partial_rows(
    ann: User, collection_id: UUID, embedding_endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    document_id = upload(ann, collection_id, LONG.encode())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE search.knowledge_chunk_rows ADD CONSTRAINT refuse CHECK (length < 0)")
    try:
        ingestion.ingest(document_id)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE search.knowledge_chunk_rows DROP CONSTRAINT refuse")
    assert (Chunk.objects.count(), DocumentText.objects.count(), index_rows()) == (0, 0, 0)
    assert api.get_document(user_id=ann.pk, document_id=document_id).status == "queued"
    assert [record.levelname for record in caplog.records if record.name == ingestion.__name__] == ["ERROR"]


def test_document_deleted_in_mid_work_stays_deleted(
    ann: User, collection_id: UUID, embedding_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = upload(ann, collection_id, LONG.encode())
    embed = llm.embed

    def embed_and_delete(*, texts: Sequence[str], attribution: Attribution) -> list[list[float]]:
        if Document.objects.exists():
            api.delete_document(user_id=ann.pk, document_id=document_id)
        return embed(texts=texts, attribution=attribution)

    monkeypatch.setattr(llm, "embed", embed_and_delete)
    ingestion.ingest(document_id)
    assert (Document.objects.count(), Chunk.objects.count(), index_rows(), Lease.objects.count()) == (0, 0, 0, 0)


def test_no_connection_is_held_while_a_file_is_read_and_passages_are_embedded(
    ann: User, collection_id: UUID, embedding_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = upload(ann, collection_id, LONG.encode())
    held: dict[str, bool] = {}
    client = wire.client

    def parse_and_look(*arguments: Any) -> ParsedDocument:
        held["reading"] = connection.connection is not None
        return parse_in_child(*arguments)

    def look_and_connect() -> httpx.Client:
        held["embedding"] = connection.connection is not None
        return client()

    monkeypatch.setattr(ingestion, "parse_in_child", parse_and_look)
    monkeypatch.setattr(wire, "client", look_and_connect)
    ingestion.ingest(document_id)
    assert held == {"reading": False, "embedding": False}
    assert Document.objects.get().status == "ready"


def test_old_owner_cannot_write(ann: User, collection_id: UUID) -> None:
    document_id = upload(ann, collection_id, b"words")
    old = durable.acquire(kind="ingest", subject_id=document_id)
    assert old is not None
    Lease.objects.update(expires_at="2000-01-01T00:00:00Z")
    assert durable.acquire(kind="ingest", subject_id=document_id) is not None
    with pytest.raises(LeaseLost):
        ingestion._set_status(old, Status.EMBEDDING, done=1, total=1)
    assert Document.objects.get().status == "queued"


def test_two_workers_index_a_document_once(ann: User, collection_id: UUID, embedding_endpoint: str) -> None:
    document_id = upload(ann, collection_id, LONG.encode())

    def work() -> None:
        ingestion.ingest(document_id)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Lease.objects.get().attempts == 1
    assert Chunk.objects.count() == api.get_document(user_id=ann.pk, document_id=document_id).progress_total


@pytest.mark.parametrize("whole_collection", [False, True])
def test_deleting_during_ingestion_neither_fails_nor_leaves_rows(
    ann: User, embedding_endpoint: str, caplog: pytest.LogCaptureFixture, whole_collection: bool
) -> None:
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - reported by the test
            errors.append(error)
        finally:
            connection.close()

    for number in range(6):
        place = api.create_collection(user_id=ann.pk, name=f"Place {number}").id
        document_id = upload(ann, place, f"words {number}".encode())

        def delete(place: UUID = place, document_id: UUID = document_id, number: int = number) -> None:
            threading.Event().wait(0.08 * number)  # a little later each time, to meet every step
            if whole_collection:
                api.delete_collection(user_id=ann.pk, collection_id=place)
            else:
                api.delete_document(user_id=ann.pk, document_id=document_id)

        works = (partial(ingestion.ingest, document_id), delete)
        threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert errors == []
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    assert (Document.objects.count(), Chunk.objects.count(), index_rows(), Lease.objects.count()) == (0, 0, 0, 0)


def test_unknown_document_is_nobodys_work(db: None) -> None:
    ingestion.ingest(uuid4())


def test_chunk_cannot_stand_in_another_collection(ann: User, collection_id: UUID, index: Index) -> None:
    index(ann, collection_id, LONG)
    other = api.create_collection(user_id=ann.pk, name="Other")
    with pytest.raises(Exception, match="chunk_in_its_documents_collection"), transaction.atomic():
        Chunk.objects.update(collection_id=other.id)
