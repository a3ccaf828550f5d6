"""Split a text around a highlighted span, so that templates can mark it without building HTML."""

from dataclasses import dataclass

from webapp.knowledge.types import DocumentView


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text, inside the highlight or outside it. ``is_first`` carries the anchor."""

    text: str
    is_marked: bool = False
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A block of a document, ready to be shown. ``page`` is set on the first block of a page."""

    kind: str
    level: int
    page: int | None
    pieces: tuple[Piece, ...]


def split(text: str, start: int, end: int) -> tuple[Piece, ...]:
    """The pieces of ``text`` with ``text[start:end]`` marked; an empty or outside span marks nothing."""
    start, end = max(0, start), min(len(text), end)
    if start >= end:
        return (Piece(text),)
    pieces = (Piece(text[:start]), Piece(text[start:end], is_marked=True, is_first=True), Piece(text[end:]))
    return tuple(piece for piece in pieces if piece.text)


def build_sections(view: DocumentView, start: int, end: int) -> tuple[Section, ...]:
    """The document's blocks in order, with the characters from ``start`` to ``end`` marked across them."""
    sections: list[Section] = []
    last_page: int | None = None
    anchored = False
    for block in view.blocks:
        pieces = split(view.text[block.char_start : block.char_end], start - block.char_start, end - block.char_start)
        shown = tuple(Piece(p.text, p.is_marked, p.is_first and not anchored) for p in pieces)
        anchored = anchored or any(piece.is_marked for piece in shown)
        page = block.page if block.page != last_page else None
        last_page = block.page
        level = min(4, max(2, len(block.heading_path) + 1))
        sections.append(Section(kind=block.kind, level=level, page=page, pieces=shown))
    return tuple(sections)
