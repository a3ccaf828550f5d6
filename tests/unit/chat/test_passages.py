from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from webapp.chat.passages import (
    BLOCKS_BEFORE,
    BLOCKS_SHOWN,
    CHARACTERS_SHOWN,
    Part,
    Piece,
    build_part,
    build_sections,
    split,
)
from webapp.knowledge.types import DocumentInfo, DocumentView, TextBlock

TEXT = "Heading\nFirst words.\nSecond words."


def view() -> DocumentView:
    info = DocumentInfo(
        id=uuid4(),
        collection_id=uuid4(),
        title="T",
        filename="t.txt",
        media_type="text/plain",
        size_bytes=1,
        status="ready",
        progress_done=0,
        progress_total=0,
        reason="",
        page_count=2,
        created_at=datetime.now(UTC),
        may_write=False,
    )
    blocks = (
        TextBlock(0, 7, ("Heading",), 1, "heading"),
        TextBlock(8, 20, ("Heading",), 1, "text"),
        TextBlock(21, 34, ("Heading",), 2, "text"),
    )
    return DocumentView(info=info, text=TEXT, blocks=blocks)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 5), (9, 3), (40, 50)])
def test_split_with_nothing_inside_marks_nothing(start: int, end: int) -> None:
    assert split(TEXT, start, end) == (Piece(TEXT),)


def test_split_keeps_every_character() -> None:
    for start in range(-2, len(TEXT) + 2):
        for end in range(-2, len(TEXT) + 2):
            assert "".join(piece.text for piece in split(TEXT, start, end)) == TEXT


def test_sections_mark_a_span_across_blocks_and_anchor_it_once() -> None:
    sections = build_sections(view(), 14, 27)
    marked = [piece for section in sections for piece in section.pieces if piece.is_marked]
    assert [piece.text for piece in marked] == ["words.", "Second"]
    assert [piece.is_first for piece in marked] == [True, False]


def long_view(count: int, *, length: int = 2) -> DocumentView:
    text = "\n\n".join("x" * length for _ in range(count))
    blocks = tuple(TextBlock(n * (length + 2), n * (length + 2) + length, (), None, "text") for n in range(count))
    return replace(view(), text=text, blocks=blocks)


def test_long_document_is_shown_in_parts_that_meet() -> None:
    document = long_view(1000)
    shown, at = [], 0
    while True:
        part = build_part(document, 0, 0, at=at)
        shown.append(len(part.sections))
        if part.later is None:
            break
        following = build_part(document, 0, 0, at=part.later)
        assert following.earlier == at
        at = part.later
    assert shown == [BLOCKS_SHOWN, BLOCKS_SHOWN, 200]
    assert build_part(document, 0, 0) == build_part(document, 0, 0, at=0)


def test_part_around_a_passage_shows_it_with_what_is_before_and_after() -> None:
    document = long_view(1000)
    block = document.blocks[700]
    part = build_part(document, block.char_start, block.char_end)
    marked = [n for n, section in enumerate(part.sections) if any(piece.is_marked for piece in section.pieces)]
    assert (marked, part.has_mark) == ([BLOCKS_BEFORE], True)
    assert (part.earlier, part.later) == (700 - BLOCKS_BEFORE - BLOCKS_SHOWN, None)
    assert not build_part(document, block.char_start, block.char_end, at=0).has_mark


def test_part_is_bounded_in_characters_and_never_empty() -> None:
    assert len(build_part(long_view(50, length=CHARACTERS_SHOWN // 4), 0, 0).sections) == 4
    huge = long_view(3, length=CHARACTERS_SHOWN * 2)
    part = build_part(huge, huge.blocks[1].char_start, huge.blocks[1].char_end)
    assert (len(part.sections), part.has_mark, part.earlier, part.later) == (1, True, 0, 2)


def test_place_beyond_the_end_shows_the_end_and_no_text_shows_nothing() -> None:
    part = build_part(long_view(10), 0, 0, at=10**12)
    assert (len(part.sections), part.later) == (1, None)
    assert build_part(replace(view(), text="", blocks=()), 0, 0, at=5) == Part((), None, None)


def test_sections_name_a_page_where_it_begins() -> None:
    assert [section.page for section in build_sections(view(), 0, 0)] == [1, None, 2]
