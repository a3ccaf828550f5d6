"""The values that the knowledge room gives to other rooms."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class CollectionInfo:
    """A collection as one user sees it. ``group_ids`` is empty unless that user may change it."""

    id: UUID
    name: str
    description: str
    owner_id: int | None
    everyone: bool
    group_ids: tuple[int, ...]
    document_count: int
    may_write: bool
    created_at: datetime


@dataclass(frozen=True)
class DocumentInfo:
    """A document. ``status``: queued, parsing, embedding, ready or failed; ``reason`` says why it failed."""

    id: UUID
    collection_id: UUID
    title: str
    filename: str
    media_type: str
    size_bytes: int
    status: str
    progress_done: int
    progress_total: int
    reason: str
    page_count: int | None
    created_at: datetime
    may_write: bool


@dataclass(frozen=True)
class TextBlock:
    """A span of a document's text. ``kind``: heading, text, list, table or code; ``page`` counts from 1."""

    char_start: int
    char_end: int
    heading_path: tuple[str, ...]
    page: int | None
    kind: str


@dataclass(frozen=True)
class DocumentView:
    """A document's extracted text; offsets of blocks and passages count characters of ``text``."""

    info: DocumentInfo
    text: str
    blocks: tuple[TextBlock, ...]


@dataclass(frozen=True)
class Passage:
    """A chunk a user may read. ``score`` and ``rank`` are 0 unless it comes from a retrieval."""

    chunk_id: int
    document_id: UUID
    collection_id: UUID
    title: str
    heading_path: tuple[str, ...]
    page_start: int | None
    page_end: int | None
    char_start: int
    char_end: int
    text: str
    score: float = 0.0
    rank: int = 0


@dataclass(frozen=True)
class Retrieval:
    """A ranked answer to a query, best first, recorded under ``id``."""

    id: int
    query: str
    passages: tuple[Passage, ...]
