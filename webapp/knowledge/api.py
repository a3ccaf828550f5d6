"""The face of the knowledge room. Every function takes the user and answers with what that user may see, no more."""

from collections.abc import Collection, Sequence
from uuid import UUID

from webapp.knowledge.services import collections, documents, passages, retrieval
from webapp.knowledge.types import CollectionInfo, DocumentInfo, DocumentView, Passage, Retrieval


def list_collections(*, user_id: int) -> list[CollectionInfo]:
    """What the user may read, by name."""
    return collections.list_collections(user_id)


def get_collection(*, user_id: int, collection_id: UUID) -> CollectionInfo:
    """One collection. Raises NotFound."""
    return collections.get_collection(user_id, collection_id)


def create_collection(*, user_id: int, name: str, description: str = "") -> CollectionInfo:
    """A collection of the user's own, shared with nobody. Raises InvalidInput."""
    return collections.create_collection(user_id, name, description)


def update_collection(
    *, user_id: int, collection_id: UUID, name: str, description: str, group_ids: Collection[int], everyone: bool
) -> CollectionInfo:
    """Rename and share. Raises NotFound, NotAllowed, InvalidInput."""
    return collections.update_collection(user_id, collection_id, name, description, group_ids, everyone)


def delete_collection(*, user_id: int, collection_id: UUID) -> None:
    """Delete it with its documents. Raises NotFound, NotAllowed."""
    collections.delete_collection(user_id, collection_id)


def upload_document(*, user_id: int, collection_id: UUID, filename: str, content: bytes) -> DocumentInfo:
    """Store a file and queue its indexing. Raises NotFound, NotAllowed, UnreadableDocument, DuplicateDocument,
    InvalidInput; each message is for the person who uploads."""
    return documents.upload_document(user_id, collection_id, filename, content)


def list_documents(*, user_id: int, collection_id: UUID) -> list[DocumentInfo]:
    """The collection's documents, newest first. Raises NotFound."""
    return documents.list_documents(user_id, collection_id)


def get_document(*, user_id: int, document_id: UUID) -> DocumentInfo:
    """One document with its progress or the reason why it failed. Raises NotFound."""
    return documents.get_document(user_id, document_id)


def delete_document(*, user_id: int, document_id: UUID) -> None:
    """Delete it with its text, passages and index rows. Raises NotFound, NotAllowed."""
    documents.delete_document(user_id, document_id)


def retry_document(*, user_id: int, document_id: UUID) -> DocumentInfo:
    """Queue a failed document again; any other is left alone. Raises NotFound, NotAllowed."""
    return documents.retry_document(user_id, document_id)


def get_document_view(*, user_id: int, document_id: UUID) -> DocumentView:
    """The extracted text with its blocks. Raises NotFound."""
    return documents.get_document_view(user_id, document_id)


def get_passages(*, user_id: int, chunk_ids: Sequence[int]) -> list[Passage]:
    """Those of the chunks that exist and that the user may read, in the order asked for."""
    return passages.get_passages(user_id, chunk_ids)


def retrieve(
    *, user_id: int, query: str, collection_ids: list[UUID] | None, k: int = 6, run_id: UUID | None = None
) -> Retrieval:
    """The ``k`` best passages that the user may read, in ``collection_ids`` or everywhere (None), recorded by id.

    Raises the llm room's errors when the embedder does not answer.
    """
    return retrieval.retrieve(user_id, query, collection_ids, k, run_id)


def delete_retrievals(*, run_ids: Collection[UUID]) -> None:
    """Remove what was recorded for these runs, in the caller's transaction."""
    retrieval.delete_retrievals(run_ids)
