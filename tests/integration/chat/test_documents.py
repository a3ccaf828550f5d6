"""The page of a document's text: a long one in parts, with the cited passage in the first that is seen."""

import re

import pytest
from django.test import Client

from webapp.chat.passages import BLOCKS_SHOWN
from webapp.knowledge.models import Chunk, DocumentText
from webapp.knowledge.types import DocumentInfo

PARAGRAPHS = 3000
CITED = 2000


@pytest.fixture
def chunk_id(document: DocumentInfo) -> int:
    """The document's text is long, and this passage stands far from its beginning."""
    text = ""
    spans: list[tuple[int, int]] = []
    for number in range(PARAGRAPHS):
        paragraph = f"Paragraph {number}."
        spans.append((len(text), len(text) + len(paragraph)))
        text += f"{paragraph}\n\n"
    blocks: list[dict[str, object]] = [
        {"start": start, "end": end, "headings": [], "page": None, "kind": "text"} for start, end in spans
    ]
    DocumentText.objects.create(document_id=document.id, text=text, blocks={"schema_version": 1, "blocks": blocks})
    return Chunk.objects.create(
        document_id=document.id,
        collection_id=document.collection_id,
        ordinal=0,
        char_start=spans[CITED][0],
        char_end=spans[CITED][1],
        text=f"Paragraph {CITED}.",
        embedding=[0.0] * 384,
    ).pk


def read(page: Client, address: str) -> tuple[str, list[int]]:
    """The page and the numbers of the paragraphs on it."""
    response = page.get(address)
    assert response.status_code == 200
    content = response.content.decode()
    return content, [int(number) for number in re.findall(r"Paragraph (\d+)\.", content)]


def follow(content: str, address: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', content)
    assert found, rel
    return address + found[1].replace("&amp;", "&")


def test_long_document_is_shown_part_by_part(page: Client, document: DocumentInfo, chunk_id: int) -> None:
    address = f"/documents/{document.id}/"
    content, seen = read(page, address)
    assert seen == list(range(BLOCKS_SHOWN))
    assert 'rel="prev"' not in content
    content, seen = read(page, follow(content, address, "next"))
    assert seen == list(range(BLOCKS_SHOWN, 2 * BLOCKS_SHOWN))
    _, seen = read(page, follow(content, address, "prev"))
    assert seen == list(range(BLOCKS_SHOWN))
    content, seen = read(page, f"{address}?at=999999")
    assert seen == [PARAGRAPHS - 1]
    assert 'rel="next"' not in content


def test_cited_passage_of_a_long_document_is_on_the_page_with_its_surroundings(
    page: Client, document: DocumentInfo, chunk_id: int
) -> None:
    address = f"/documents/{document.id}/"
    content, seen = read(page, f"{address}?chunk={chunk_id}")
    assert f'<mark id="passage">Paragraph {CITED}.</mark>' in content
    assert 'href="#passage"' in content
    assert min(seen) < CITED < max(seen)
    assert len(seen) == BLOCKS_SHOWN
    content, seen = read(page, follow(content, address, "next"))
    assert CITED not in seen
    assert f'href="?chunk={chunk_id}#passage"' in content
