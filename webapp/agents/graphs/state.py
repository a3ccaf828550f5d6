"""What the ``answer`` graph remembers after each node: plain JSON values, and passages by id rather than by text."""

from typing import TypedDict


class PassageRef(TypedDict):
    """Passage number ``n`` of this run."""

    n: int
    chunk_id: int


class Usage(TypedDict):
    """The engine's own counts of the attempt that answered."""

    input_tokens: int | None
    output_tokens: int | None
    duration_ms: int


class CitationRow(TypedDict):
    """A citation as it will be stored: a span of a document's text, not the text."""

    n: int
    chunk_id: int
    document_id: str
    title: str
    char_start: int
    char_end: int


class AnswerState(TypedDict, total=False):
    """Written by: retrieve (passages), generate (draft to prompt_version_id), cite (answer to invalid).

    ``model_is_fallback`` is absent from states that an earlier release wrote.
    """

    schema_version: int
    passages: list[PassageRef]
    draft: str
    model: str
    model_is_fallback: bool
    usage: Usage | None
    prompt_version: str
    prompt_version_id: int
    answer: str
    citations: list[CitationRow]
    invalid: list[int]
