"""A document's text for the page: a part of it that a browser can show, with a span of it marked.

Templates get pieces rather than HTML.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from webapp.knowledge.types import DocumentView, TextBlock

# How much one page holds, and how much of that stands before a passage that is looked for.
BLOCKS_SHOWN = 400
CHARACTERS_SHOWN = 200_000
BLOCKS_BEFORE = 40
CHARACTERS_BEFORE = 20_000


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


@dataclass(frozen=True, slots=True)
class Part:
    """What one page shows of a document. ``earlier`` and ``later``: the blocks with which the parts beside it begin."""

    sections: tuple[Section, ...]
    earlier: int | None
    later: int | None

    @property
    def has_mark(self) -> bool:
        return any(piece.is_marked for section in self.sections for piece in section.pieces)


def split(text: str, start: int, end: int) -> tuple[Piece, ...]:
    """The pieces of ``text`` with ``text[start:end]`` marked; an empty or outside span marks nothing."""
    start, end = max(0, start), min(len(text), end)
    if start >= end:
        return (Piece(text),)
    pieces = (Piece(text[:start]), Piece(text[start:end], is_marked=True, is_first=True), Piece(text[end:]))
    return tuple(piece for piece in pieces if piece.text)


def build_part(view: DocumentView, start: int, end: int, *, at: int | None = None) -> Part:
    """The part of the document that begins with block ``at``; when None, the one around the characters ``start`` to
    ``end``, or the beginning when there are none."""
    blocks = view.blocks
    if at is not None:
        first = min(at, max(len(blocks) - 1, 0))
    elif start < end:
        sought = next((index for index, block in enumerate(blocks) if block.char_end > start), 0)
        first = sought - _count(reversed(blocks[:sought]), BLOCKS_BEFORE, CHARACTERS_BEFORE)
    else:
        first = 0
    last = first + max(1, _count(blocks[first:], BLOCKS_SHOWN, CHARACTERS_SHOWN))
    before = max(1, _count(reversed(blocks[:first]), BLOCKS_SHOWN, CHARACTERS_SHOWN))
    return Part(
        sections=build_sections(view, start, end, blocks[first:last]),
        earlier=first - before if first else None,
        later=last if last < len(blocks) else None,
    )


def _count(blocks: Iterable[TextBlock], most: int, most_characters: int) -> int:
    """How many of the blocks fit."""
    count = characters = 0
    for block in blocks:
        characters += block.char_end - block.char_start
        if count == most or characters > most_characters:
            break
        count += 1
    return count


def build_sections(
    view: DocumentView, start: int, end: int, blocks: tuple[TextBlock, ...] | None = None
) -> tuple[Section, ...]:
    """The document's blocks (or these) in order, with the characters ``start`` to ``end`` marked across them."""
    sections: list[Section] = []
    last_page: int | None = None
    anchored = False
    for block in view.blocks if blocks is None else blocks:
        pieces = split(view.text[block.char_start : block.char_end], start - block.char_start, end - block.char_start)
        shown = tuple(Piece(p.text, p.is_marked, p.is_first and not anchored) for p in pieces)
        anchored = anchored or any(piece.is_marked for piece in shown)
        page = block.page if block.page != last_page else None
        last_page = block.page
        level = min(4, max(2, len(block.heading_path) + 1))
        sections.append(Section(kind=block.kind, level=level, page=page, pieces=shown))
    return tuple(sections)
