"""Content to text: find the kind, call its reader. Runs in the child process."""

from webapp.knowledge.parsing.detection import detect_kind
from webapp.knowledge.parsing.types import ParsedDocument


def read_document(content: bytes, filename: str) -> ParsedDocument:
    """Raises UnreadableDocument. Only the reader that is needed is imported."""
    match detect_kind(content, filename).name:
        case "pdf":
            from webapp.knowledge.parsing.pdf import read_pdf as read
        case "docx":
            from webapp.knowledge.parsing.docx import read_docx as read
        case "html":
            from webapp.knowledge.parsing.html import read_html as read
        case "markdown":
            from webapp.knowledge.parsing.markdown import read_markdown as read
        case _:
            from webapp.knowledge.parsing.plain import read_plain as read
    return read(content)
