"""PDF: the text layer, page by page. Headings are not known, page numbers are. No text recognition."""

import pypdfium2

from webapp.knowledge.parsing.building import TextBuilder
from webapp.knowledge.parsing.errors import Reason, UnreadableDocument
from webapp.knowledge.parsing.types import ParsedDocument

MOST_PAGES = 5_000
FULL_LINE = 0.6  # of the page's longest line: a shorter one ends a paragraph
LINE_HYPHENS = ("\ufffe", "\x02")  # what PDFium gives for a hyphen that a line end added


def read_pdf(content: bytes) -> ParsedDocument:
    """Raises UnreadableDocument: password, damaged, or no text."""
    document = _open(content)
    try:
        page_count = len(document)
        if page_count > MOST_PAGES:
            raise UnreadableDocument(Reason.TOO_MUCH_TEXT)
        builder = TextBuilder()
        for number in range(page_count):
            builder.add(unwrap(_read_page(document, number)), page=number + 1)
        return builder.finish(page_count=page_count)
    finally:
        document.close()


def unwrap(text: str) -> str:
    """Join the lines of a paragraph: a nearly full line goes on in the next one."""
    for hyphen in LINE_HYPHENS:
        text = text.replace(f"{hyphen}\r\n", "").replace(f"{hyphen}\n", "").replace(hyphen, "")
    lines = [line.strip() for line in text.splitlines()]
    longest = max((len(line) for line in lines), default=0)
    joined: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on and line:
            joined[-1] += f" {line}"
        else:
            joined.append(line)
        goes_on = bool(line) and len(line) >= longest * FULL_LINE
    return "\n".join(joined)


def _open(content: bytes) -> pypdfium2.PdfDocument:
    try:
        document = pypdfium2.PdfDocument(content)
        len(document)
    except pypdfium2.PdfiumError as error:
        reason = Reason.PASSWORD if "password" in str(error).lower() else Reason.DAMAGED
        raise UnreadableDocument(reason) from error
    return document


def _read_page(document: pypdfium2.PdfDocument, number: int) -> str:
    """A page's text; none when that page is damaged and others may be whole."""
    try:
        page = document[number]
        try:
            layer = page.get_textpage()
            try:
                return str(layer.get_text_bounded(errors="ignore"))
            finally:
                layer.close()
        finally:
            page.close()
    except pypdfium2.PdfiumError:
        return ""
