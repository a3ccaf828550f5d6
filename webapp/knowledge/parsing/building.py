"""Assemble a document's canonical text. Cleaning happens here, before any offset exists."""

import re
import unicodedata
from collections.abc import Sequence

from webapp.knowledge.parsing.errors import Reason, UnreadableDocument
from webapp.knowledge.parsing.types import Block, BlockKind, ParsedDocument

MOST_CHARACTERS = 5_000_000
MOST_BLOCKS = 50_000
LONGEST_HEADING = 300
# Controls but tab and line feed, half characters, and code points that no text holds. PostgreSQL refuses NUL.
UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
SPACES = re.compile("[ \t\u00a0]+")
BLANK_LINES = re.compile("\n{3,}")


def clean(text: str, *, keep_spaces: bool = False) -> str:
    """Unicode NFC, line feeds, no controls; runs of spaces become one unless they are to be kept, as in code."""
    text = UNWANTED.sub("", LINE_ENDS.sub("\n", unicodedata.normalize("NFC", text)))
    if keep_spaces:
        lines = [line.replace("\u00a0", " ").rstrip() for line in text.split("\n")]
    else:
        lines = [SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


class TextBuilder:
    """Collects blocks in reading order, with the stack of headings that they stand under."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0
        self._headings: list[tuple[int, str]] = []
        self.title = ""

    def add_heading(self, text: str, level: int, *, page: int | None = None) -> None:
        """``level`` from 1. The heading stands under itself, so that a passage beginning with it has its path."""
        text = " ".join(clean(text).split())
        if not text:
            return
        self._headings = [entry for entry in self._headings if entry[0] < level]
        self._headings.append((level, text[:LONGEST_HEADING]))
        self._append(text, "heading", page, tight=False)

    def add(self, text: str, *, kind: BlockKind = "text", page: int | None = None) -> None:
        """Items of one list and rows of one table follow each other line by line, other blocks after a blank line."""
        text = clean(text, keep_spaces=kind == "code")
        if not text.strip():
            return
        tight = kind in ("list", "table") and bool(self._blocks) and self._blocks[-1].kind == kind
        self._append(text, kind, page, tight=tight)

    def finish(self, *, page_count: int | None = None) -> ParsedDocument:
        """Raises UnreadableDocument when nothing was found."""
        if not self._blocks:
            raise UnreadableDocument(Reason.NO_TEXT)
        title = " ".join(clean(self.title).split())[:LONGEST_HEADING]
        return ParsedDocument("".join(self._parts), tuple(self._blocks), page_count, title)

    def _append(self, text: str, kind: BlockKind, page: int | None, *, tight: bool) -> None:
        separator = "" if not self._parts else "\n" if tight else "\n\n"
        start = self._length + len(separator)
        if start + len(text) > MOST_CHARACTERS or len(self._blocks) >= MOST_BLOCKS:
            raise UnreadableDocument(Reason.TOO_MUCH_TEXT)
        self._parts += [separator, text]
        self._length = start + len(text)
        self._blocks.append(Block(start, self._length, self._path(), page, kind))

    def _path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self._headings)


def join_cells(cells: Sequence[str]) -> str:
    """A table's row as one line."""
    return " | ".join(" ".join(cell.split()) for cell in cells)
