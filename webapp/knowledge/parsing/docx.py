"""Word documents (.docx): paragraphs under heading styles, lists, tables. Headers, footnotes, comments are left out."""

import io
import re
import zipfile
from collections.abc import Iterator

from docx import Document
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph

from webapp.knowledge.parsing.building import TextBuilder, join_cells
from webapp.knowledge.parsing.errors import Reason, UnreadableDocument
from webapp.knowledge.parsing.types import ParsedDocument

MIB = 2**20
MOST_ENTRIES = 5_000
MOST_UNPACKED_BYTES = 400 * MIB
MOST_RATIO = 100
SMALL_BYTES = 10 * MIB  # unpacked: below it a high ratio is harmless
ENCRYPTED = 0x1
HEADING = re.compile(r"heading ?(\d)$", re.IGNORECASE)
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
BREAKS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}


def read_docx(content: bytes) -> ParsedDocument:
    """Raises UnreadableDocument: password, damaged, unpacks to too much, or no text."""
    check_archive(content)
    try:
        document = Document(io.BytesIO(content))
    except (PackageNotFoundError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UnreadableDocument(Reason.DAMAGED) from error
    builder = TextBuilder()
    for part in document.iter_inner_content():
        if isinstance(part, Table):
            for cells in _read_rows(part):
                builder.add(join_cells(cells), kind="table")
        else:
            _add_paragraph(builder, part)
    return builder.finish()


def check_archive(content: bytes) -> None:
    """Refuse, from the archive's directory alone, what is encrypted or unpacks to far more than its size."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise UnreadableDocument(Reason.DAMAGED) from error
    unpacked = sum(entry.file_size for entry in entries)
    if any(entry.flag_bits & ENCRYPTED for entry in entries):
        raise UnreadableDocument(Reason.PASSWORD)
    if len(entries) > MOST_ENTRIES or unpacked > MOST_UNPACKED_BYTES:
        raise UnreadableDocument(Reason.EXPANDS)
    if unpacked > SMALL_BYTES and unpacked > len(content) * MOST_RATIO:
        raise UnreadableDocument(Reason.EXPANDS)


def _add_paragraph(builder: TextBuilder, paragraph: Paragraph) -> None:
    text = _read_text(paragraph)
    style = (paragraph.style.name or "") if paragraph.style is not None else ""
    if heading := HEADING.search(style):
        builder.add_heading(text, int(heading[1]))
    elif style == "Title":
        builder.title = builder.title or text
        builder.add(text)
    elif style.startswith("List") or paragraph._p.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None:
        builder.add(f"- {text}" if text.strip() else "", kind="list")
    else:
        builder.add(text)


def _read_text(paragraph: Paragraph) -> str:
    """All visible text: tracked insertions and text boxes too, no deletions, no second form for old readers."""
    parts = []
    for element in paragraph._p.iter():
        if element.tag == qn("w:t"):
            if next(element.iterancestors(FALLBACK), None) is None:
                parts.append(element.text or "")
        elif element.tag in BREAKS:
            parts.append(BREAKS[element.tag])
    return "".join(parts)


def _read_rows(table: Table) -> Iterator[list[str]]:
    for row in table.rows:
        cells, seen = [], set()
        for cell in row.cells:
            if id(cell._tc) not in seen:  # a merged cell is listed once for each column
                seen.add(id(cell._tc))
                cells.append("\n".join(_read_text(paragraph) for paragraph in cell.paragraphs))
        yield cells
