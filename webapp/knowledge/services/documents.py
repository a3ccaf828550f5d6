"""Documents: upload, look at, try again, delete. Indexing them is ``ingestion``'s."""

import hashlib
from pathlib import PurePosixPath
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from webapp.audit import api as audit
from webapp.durable import api as durable
from webapp.knowledge.errors import DuplicateDocument, InvalidInput, NotAllowed, NotFound
from webapp.knowledge.models import Document, DocumentFile, DocumentText, Status
from webapp.knowledge.parsing.detection import detect_kind
from webapp.knowledge.parsing.errors import Reason, UnreadableDocument
from webapp.knowledge.services import access
from webapp.knowledge.types import DocumentInfo, DocumentView, TextBlock

INGEST = "ingest"
MIB = 2**20
NAME_LENGTH = 300


@transaction.atomic
def upload_document(user_id: int, collection_id: UUID, filename: str, content: bytes) -> DocumentInfo:
    collection = access.get_writable_collection(user_id, collection_id)
    document = store_document(collection.pk, user_id, filename, content)
    return build_info(document, may_write=True)


def store_document(
    collection_id: UUID, user_id: int | None, filename: str, content: bytes, *, maintained: bool = False
) -> Document:
    """Store and enqueue, in the caller's transaction, for somebody already allowed to. ``maintained``: a command does,
    and the document is named by its path. Raises UnreadableDocument, DuplicateDocument."""
    filename = clean_path(filename) if maintained else clean_filename(filename)
    limit_mib = settings.APPLIANCE.ingestion.max_upload_mib
    if len(content) > limit_mib * MIB:
        raise UnreadableDocument(Reason.TOO_LARGE, size_mib=-(-len(content) // MIB), limit_mib=limit_mib)
    kind = detect_kind(content, filename)
    document = Document(
        collection_id=collection_id,
        title=build_title(filename),
        filename=filename,
        media_type=kind.media_type,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        created_by_id=user_id,
        maintained=maintained,
    )
    try:
        with transaction.atomic():
            document.save(force_insert=True)
    except IntegrityError as error:
        twin = Document.objects.filter(collection_id=collection_id, sha256=document.sha256).first()
        if twin is None:
            raise
        raise DuplicateDocument(twin.title) from error
    DocumentFile.objects.create(document=document, content=content)
    durable.enqueue(kind=INGEST, subject_id=document.pk)
    _record("document.upload", user_id, document)
    return document


def list_documents(user_id: int, collection_id: UUID) -> list[DocumentInfo]:
    collection = access.find_readable_collection(user_id, collection_id)
    rows = access.readable_documents(user_id).filter(collection_id=collection_id).select_related("collection")
    may_write = access.may_write(user_id, collection, is_staff=access.is_staff(user_id))
    return [build_info(row, may_write=may_write) for row in rows.order_by("-created_at", "title")]


def get_document(user_id: int, document_id: UUID) -> DocumentInfo:
    row = _find(access.readable_documents(user_id), document_id)
    return build_info(row, may_write=access.may_write(user_id, row.collection, is_staff=access.is_staff(user_id)))


def get_document_view(user_id: int, document_id: UUID) -> DocumentView:
    """The extracted text; empty while there is none."""
    info = get_document(user_id, document_id)
    extracted = DocumentText.objects.filter(document__in=access.readable_documents(user_id), pk=document_id).first()
    if extracted is None:
        return DocumentView(info, "", ())
    blocks = tuple(
        TextBlock(block["start"], block["end"], tuple(block["headings"]), block["page"], block["kind"])
        for block in extracted.blocks["blocks"]
    )
    return DocumentView(info, extracted.text, blocks)


@transaction.atomic
def retry_document(user_id: int, document_id: UUID) -> DocumentInfo:
    """Index again what failed; anything else stays as it is."""
    _check_writable(user_id, document_id)
    document = _lock(document_id)
    if document.status == Status.FAILED:
        document.status, document.reason, document.progress_done, document.progress_total = Status.QUEUED, "", 0, 0
        document.save(update_fields=["status", "reason", "progress_done", "progress_total"])
        durable.enqueue(kind=INGEST, subject_id=document.pk)
    return build_info(document, may_write=True)


@transaction.atomic
def delete_document(user_id: int, document_id: UUID) -> None:
    _check_writable(user_id, document_id)
    remove_document(document_id, user_id)


def remove_document(document_id: UUID, user_id: int | None) -> None:
    """Take a document away with all that was made of it, in the caller's transaction, which has not locked it yet."""
    forget_work(document_id)
    document = _lock(document_id)
    _record("document.delete", user_id, document)
    document.delete()


def forget_work(document_id: UUID) -> None:
    """Take the lease away. To be done before the document is locked: ingestion locks in that order, too."""
    durable.forget(kind=INGEST, subject_id=document_id)


def clean_filename(filename: str) -> str:
    """The last part of the name, printable, at most ``NAME_LENGTH`` characters with its ending kept."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return _printable(name)


def clean_path(path: str) -> str:
    """A relative path as a name, for documents that a command loads."""
    return _printable(path)


def _printable(name: str) -> str:
    name = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    if not name:
        raise InvalidInput("The file has no name. Give it one and upload it again.")
    if len(name) <= NAME_LENGTH:
        return name
    ending = PurePosixPath(name).suffix[:10]
    return name[: NAME_LENGTH - len(ending)] + ending


def build_title(filename: str) -> str:
    """What a person would call the file: its name without the ending."""
    path = PurePosixPath(filename)
    return (path.stem if path.stem.strip(". ") else filename).replace("_", " ").strip() or filename


def build_info(row: Document, *, may_write: bool) -> DocumentInfo:
    return DocumentInfo(
        id=row.pk,
        collection_id=row.collection_id,
        title=row.title,
        filename=row.filename,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        status=row.status,
        progress_done=row.progress_done,
        progress_total=row.progress_total,
        reason=row.reason,
        page_count=row.page_count,
        created_at=row.created_at,
        may_write=may_write,
    )


def _find(rows: QuerySet[Document], document_id: UUID) -> Document:
    row = rows.select_related("collection").filter(pk=document_id).first()
    if row is None:
        raise NotFound("document")
    return row


def _check_writable(user_id: int, document_id: UUID) -> None:
    row = _find(access.readable_documents(user_id), document_id)
    if not access.may_write(user_id, row.collection, is_staff=access.is_staff(user_id)):
        raise NotAllowed


def _lock(document_id: UUID) -> Document:
    locked = Document.objects.select_for_update().filter(pk=document_id).first()
    if locked is None:
        raise NotFound("document")
    return locked


def _record(action: str, user_id: int | None, document: Document) -> None:
    audit.record(
        action=action,
        actor_id=user_id,
        object_type="document",
        object_id=str(document.pk),
        detail={
            "filename": document.filename,
            "sha256": document.sha256,
            "size_bytes": document.size_bytes,
            "collection_id": str(document.collection_id),
        },
    )
