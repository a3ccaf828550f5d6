"""What a file is comes from its content; the name may not claim otherwise."""

import pytest

from tests.unit.knowledge.parsing.files import make_docx, make_encrypted_office, make_pdf, make_png, make_zip
from webapp.knowledge.parsing.detection import detect_kind
from webapp.knowledge.parsing.errors import Reason, UnreadableDocument

PDF = make_pdf([["Hello"]])
DOCX = make_docx()
EXE = b"MZ\x90\x00\x03\x00\x00\x00" + bytes(200)
XLSX = make_zip({"xl/workbook.xml": b"<workbook/>"})


@pytest.mark.parametrize(
    ("content", "filename", "expected"),
    [
        (PDF, "report.pdf", "pdf"),
        (PDF, "REPORT.PDF", "pdf"),
        (PDF, "report", "pdf"),
        (PDF, "report.v2", "pdf"),
        (b"\n" * 20 + PDF, "mail.pdf", "pdf"),
        (DOCX, "letter.docx", "docx"),
        (b"# Title\n", "a.md", "markdown"),
        (b"<!DOCTYPE html><p>x", "a", "html"),
        (b"<!DOCTYPE html><p>x", "page.htm", "html"),
        (b"<html>as source</html>", "source.txt", "plain"),
        (b"plain", "a.txt", "plain"),
        (b"a,b\n1,2", "table.csv", "plain"),
        (b"MZ is a code for Mozambique in this list of countries.", "list.txt", "plain"),
        ("Grüße".encode("utf-16"), "a.txt", "plain"),
        ("ordinary words here".encode("utf-16-le"), "a.txt", "plain"),
        ("naïve café".encode("cp1252"), "a.txt", "plain"),
    ],
)
def test_kind_is_found_by_content(content: bytes, filename: str, expected: str) -> None:
    assert detect_kind(content, filename).name == expected


@pytest.mark.parametrize(
    ("content", "filename", "reason", "says"),
    [
        (b"", "a.txt", Reason.EMPTY, "empty"),
        (b" \n\t\x00\x00", "a.pdf", Reason.EMPTY, "empty"),
        (b"\xef\xbb\xbf", "a.md", Reason.EMPTY, "empty"),
        (DOCX, "report.pdf", Reason.WRONG_NAME, "a PDF, but the content is a Word document"),
        (make_zip({"a": b"b"}), "report.pdf", Reason.WRONG_NAME, "a PDF, but the content is a zip archive"),
        (EXE, "report.pdf", Reason.WRONG_NAME, "a PDF, but the content is a Windows program"),
        (b"just words", "report.pdf", Reason.WRONG_NAME, "a PDF, but the content is plain text"),
        (PDF, "notes.txt", Reason.WRONG_NAME, "plain text, but the content is a PDF"),
        (PDF, "letter.docx", Reason.WRONG_NAME, "a Word document, but the content is a PDF"),
        (make_png(), "page.html", Reason.WRONG_NAME, "a web page, but the content is a picture"),
        (PDF, "setup.exe", Reason.WRONG_NAME, "a Windows program, but the content is a PDF"),
        (XLSX, "letter.docx", Reason.WRONG_NAME, "a Word document, but the content is a spreadsheet"),
        (XLSX, "sums.xlsx", Reason.UNSUPPORTED, "a spreadsheet, which cannot be read here"),
        (make_png(), "scan.png", Reason.UNSUPPORTED, "a picture"),
        (b"{\\rtf1 hello}", "letter.rtf", Reason.UNSUPPORTED, "rich text"),
        (bytes(range(256)) * 8, "data.bin", Reason.UNSUPPORTED, "binary"),
        (make_encrypted_office(), "letter.docx", Reason.PASSWORD, "password"),
    ],
)
def test_refusal_says_what_is_wrong(content: bytes, filename: str, reason: Reason, says: str) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        detect_kind(content, filename)
    assert caught.value.reason == reason
    assert says in str(caught.value)
