"""Conversations, runs and citations as plain values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

RunStatus = Literal["queued", "running", "waiting", "finished", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class CitedSource:
    """Source ``n`` of an answer, without its text."""

    n: int
    chunk_id: int
    document_id: UUID
    title: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A question and where its answer has got to. ``reference`` is what a user reads to support, ``prompt_version`` the
    prompt as people see it (``answer@1a2b3c4d``). ``model_is_fallback``: it is by the fallback model."""

    id: UUID
    thread_id: UUID
    question: str
    collection_ids: tuple[UUID, ...] | None
    status: RunStatus
    attempt: int
    model_name: str
    model_is_fallback: bool
    prompt_version_id: int | None
    prompt_version: str
    answer: str
    input_tokens: int | None
    output_tokens: int | None
    duration_ms: int | None
    error_code: str
    error_message: str
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    citations: tuple[CitedSource, ...] = ()

    @property
    def is_final(self) -> bool:
        return self.status in ("finished", "failed", "cancelled")

    @property
    def reference(self) -> str:
        return str(self.id)[:8]


@dataclass(frozen=True, slots=True)
class ThreadInfo:
    """A conversation in a list."""

    id: UUID
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A conversation with its runs, oldest first."""

    info: ThreadInfo
    runs: tuple[RunInfo, ...]


@dataclass(frozen=True, slots=True)
class CitationInfo:
    """What source ``n`` says. When ``is_available`` is False the texts are empty and ``notice`` says why.

    ``quote`` is ``passage[quote_start:quote_end]``; ``char_start`` and ``char_end`` say where the document has it.
    """

    n: int
    chunk_id: int
    document_id: UUID
    title: str
    is_available: bool
    notice: str = ""
    heading_path: tuple[str, ...] = ()
    page_start: int | None = None
    page_end: int | None = None
    passage: str = ""
    quote: str = ""
    quote_start: int = 0
    quote_end: int = 0
    char_start: int = 0
    char_end: int = 0
