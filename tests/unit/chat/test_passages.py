from datetime import UTC, datetime
from uuid import uuid4

import pytest

from webapp.chat.passages import Piece, build_sections, split
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


def test_sections_name_a_page_where_it_begins() -> None:
    assert [section.page for section in build_sections(view(), 0, 0)] == [1, None, 2]
