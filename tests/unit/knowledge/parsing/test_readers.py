"""Each reader finds the text a person would read, with headings and pages, and refuses what it cannot read."""

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from tests.unit.knowledge.parsing.files import make_docx, make_pdf, make_zip
from webapp.knowledge.parsing.building import MOST_BLOCKS
from webapp.knowledge.parsing.errors import Reason, UnreadableDocument
from webapp.knowledge.parsing.pdf import unwrap
from webapp.knowledge.parsing.plain import decode
from webapp.knowledge.parsing.reading import read_document
from webapp.knowledge.parsing.types import ParsedDocument


def lines(parsed: ParsedDocument) -> list[tuple[str, tuple[str, ...], str]]:
    return [(block.kind, block.headings, parsed.text[block.start : block.end]) for block in parsed.blocks]


def refusal(content: bytes, name: str) -> Reason:
    with pytest.raises(UnreadableDocument) as caught:
        read_document(content, name)
    return caught.value.reason


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Grüße, £5 \u2013 \u201cquoted\u201d"),
        ("utf-8-sig", "Grüße"),
        ("utf-16", "Grüße, 5"),
        ("utf-16-be", "ordinary words"),
        ("utf-16-le", "ordinary words"),
        ("cp1252", "The café\u2019s naïve \u201cmenu\u201d costs £5 \u2013 thanks"),
        ("cp1251", "Быстрая коричневая лиса прыгает через ленивую собаку, и ещё раз прыгает обратно."),
    ],
)
def test_encoding_is_found(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_plain_text_becomes_paragraphs_without_controls() -> None:
    parsed = read_document(b"One  line\r\nmore\x00 of it\r\n\r\n\r\nSecond part" + b" of this" * 10, "a.txt")
    assert parsed.text == "One line\nmore of it\n\nSecond part" + " of this" * 10
    assert [kind for kind, _, _ in lines(parsed)] == ["text", "text"]


def test_markdown_has_headings_lists_tables_and_code() -> None:
    source = (
        b"---\ntags: x\n---\n# Guide\nIntro with *stress*, `code` and a [link](http://x).\n\n"
        b"## Setup\n- first\n- second\n\n"
        b"| A | B |\n|---|---|\n| 1 | 2 |\n\n```\nrun  it\n```\n\n# Other\n<b>bold</b> ![a cat](x.png)\n"
    )
    parsed = read_document(source, "a.md")
    assert parsed.title == "Guide"
    assert lines(parsed) == [
        ("heading", ("Guide",), "Guide"),
        ("text", ("Guide",), "Intro with stress, code and a link."),
        ("heading", ("Guide", "Setup"), "Setup"),
        ("list", ("Guide", "Setup"), "- first"),
        ("list", ("Guide", "Setup"), "- second"),
        ("table", ("Guide", "Setup"), "A | B"),
        ("table", ("Guide", "Setup"), "1 | 2"),
        ("code", ("Guide", "Setup"), "run  it"),
        ("heading", ("Other",), "Other"),
        ("text", ("Other",), "bold a cat"),
    ]
    assert "- first\n- second\n\nA | B\n1 | 2" in parsed.text


def test_web_page_is_read_without_scripts_and_styles() -> None:
    source = (
        b"<!doctype html><html><head><title>The page</title><style>p{}</style><script>evil()</script></head><body>"
        b"<h1>Top</h1><p>First <b>bold</b> text<br>next line</p><script>more()</script><!-- hidden -->"
        b"<h2>Below</h2><ul><li>one</li><li>two <i>too</i></li></ul>"
        b"<table><tr><th>A</th><td><p>B</p></td></tr><tr><td>1</td><td>2</td></tr></table>"
        b"<pre>a\n  b</pre>loose</body></html>"
    )
    parsed = read_document(source, "a.html")
    assert parsed.title == "The page"
    assert lines(parsed) == [
        ("heading", ("Top",), "Top"),
        ("text", ("Top",), "First bold text\nnext line"),
        ("heading", ("Top", "Below"), "Below"),
        ("list", ("Top", "Below"), "- one"),
        ("list", ("Top", "Below"), "- two too"),
        ("table", ("Top", "Below"), "A | B"),
        ("table", ("Top", "Below"), "1 | 2"),
        ("code", ("Top", "Below"), "a\n  b"),
        ("text", ("Top", "Below"), "loose"),
    ]


def test_web_page_declares_its_encoding() -> None:
    source = '<html><meta charset="iso-8859-2"><p>Łódź</p></html>'.encode("iso-8859-2")
    assert read_document(source, "a.html").text == "Łódź"


def test_pdf_is_read_page_by_page() -> None:
    parsed = read_document(make_pdf([["First page."], [], ["Third page."]]), "a.pdf")
    assert parsed.page_count == 3
    assert [(block.page, parsed.text[block.start : block.end]) for block in parsed.blocks] == [
        (1, "First page."),
        (3, "Third page."),
    ]


def test_pdf_paragraphs_are_joined_across_line_ends() -> None:
    assert unwrap("The quick brown fox jumps over\r\nthe lazy dog and runs\r\naway.\r\nNew") == (
        "The quick brown fox jumps over the lazy dog and runs away.\nNew"
    )
    assert unwrap("a self-hosted appli\ufffe\r\nance") == "a self-hosted appliance"


def test_pdf_that_cannot_be_read_says_why() -> None:
    assert refusal(make_pdf([[], []]), "scan.pdf") == Reason.NO_TEXT
    assert refusal(make_pdf([["secret"]], password="hidden"), "a.pdf") == Reason.PASSWORD
    assert refusal(make_pdf([["text"]])[:300], "a.pdf") == Reason.DAMAGED
    assert refusal(b"%PDF-1.7 and then nothing of the kind", "a.pdf") == Reason.DAMAGED


def test_word_document_has_headings_lists_and_tables() -> None:
    document = Document()
    document.add_heading("Handbook", 0)
    document.add_heading("Leave", 1)
    document.add_paragraph("Thirty days a year.")
    document.add_paragraph("Ask first", style="List Bullet")
    document.add_heading("Sick leave", 2)
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip([*table.rows[0].cells, *table.rows[1].cells], ("Day", "Pay", "1", "full"), strict=True):
        cell.text = text
    parsed = read_document(make_docx(document), "a.docx")
    assert parsed.title == "Handbook"
    assert lines(parsed) == [
        ("text", (), "Handbook"),
        ("heading", ("Leave",), "Leave"),
        ("text", ("Leave",), "Thirty days a year."),
        ("list", ("Leave",), "- Ask first"),
        ("heading", ("Leave", "Sick leave"), "Sick leave"),
        ("table", ("Leave", "Sick leave"), "Day | Pay"),
        ("table", ("Leave", "Sick leave"), "1 | full"),
    ]


def test_word_document_shows_insertions_and_no_deletions() -> None:
    document = Document()
    paragraph = document.add_paragraph("Kept ")
    for change in (
        "<w:ins %s><w:r><w:t>added</w:t></w:r></w:ins>",
        "<w:del %s><w:r><w:delText>gone</w:delText></w:r></w:del>",
    ):
        paragraph._p.append(parse_xml(change % nsdecls("w")))
    assert read_document(make_docx(document), "a.docx").text == "Kept added"


def test_word_document_that_cannot_be_read_says_why() -> None:
    whole = make_docx(Document())
    assert refusal(whole, "a.docx") == Reason.NO_TEXT
    assert refusal(whole[: len(whole) // 2], "a.docx") == Reason.DAMAGED
    assert refusal(make_zip({"word/document.xml": b"<not-xml"}), "a.docx") == Reason.DAMAGED


def test_file_of_countless_paragraphs_is_refused() -> None:
    assert len(read_document(b"ab\n\n" * MOST_BLOCKS, "a.txt").blocks) == MOST_BLOCKS
    assert refusal(b"ab\n\n" * (MOST_BLOCKS + 1), "a.txt") == Reason.TOO_MUCH_TEXT


def test_markup_without_text_has_no_text() -> None:
    assert refusal(b"<html><script>x()</script><img src=x></html>", "a.html") == Reason.NO_TEXT
    assert refusal(b"![](x.png)", "a.md") == Reason.NO_TEXT
