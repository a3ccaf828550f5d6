"""What a reader makes of a file: one canonical text, and blocks that say where in it things are."""

from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["heading", "text", "list", "table", "code"]
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Block:
    """``text[start:end]`` of a document, below ``headings``, on ``page`` (from 1, None where there are no pages)."""

    start: int
    end: int
    headings: tuple[str, ...]
    page: int | None
    kind: BlockKind


@dataclass(frozen=True)
class ParsedDocument:
    """A file's text. ``title`` is its own title, empty when it has none."""

    text: str
    blocks: tuple[Block, ...]
    page_count: int | None = None
    title: str = ""
