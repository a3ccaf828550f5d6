"""What a file is, decided by its content; a name that claims otherwise is refused. Cheap: it opens no container."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from webapp.knowledge.parsing.errors import Reason, UnreadableDocument


@dataclass(frozen=True)
class Kind:
    """A readable kind of file. ``text``: any of the text kinds may stand in for another."""

    name: str
    media_type: str
    label: str
    text: bool = False


PDF = Kind("pdf", "application/pdf", "a PDF")
DOCX = Kind("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a Word document")
HTML = Kind("html", "text/html", "a web page", text=True)
MARKDOWN = Kind("markdown", "text/markdown", "Markdown", text=True)
PLAIN = Kind("plain", "text/plain", "plain text", text=True)
KINDS = {kind.name: kind for kind in (PDF, DOCX, HTML, MARKDOWN, PLAIN)}

ENDINGS = {
    ".pdf": PDF, ".docx": DOCX, ".html": HTML, ".htm": HTML, ".xhtml": HTML,
    ".md": MARKDOWN, ".markdown": MARKDOWN, ".txt": PLAIN, ".text": PLAIN, ".log": PLAIN, ".csv": PLAIN,
}  # fmt: skip

# Endings of what cannot be read here: content of another kind under them is a wrong name too.
FOREIGN_ENDINGS = {
    ".doc": "an old Word document", ".rtf": "a rich text file", ".odt": "an OpenDocument text", ".epub": "an e-book",
    ".xls": "a spreadsheet", ".xlsx": "a spreadsheet", ".ppt": "a presentation", ".pptx": "a presentation",
    ".zip": "a zip archive", ".gz": "a compressed file", ".7z": "an archive", ".rar": "an archive",
    ".exe": "a Windows program", ".dll": "a Windows program", ".png": "a picture", ".jpg": "a picture",
    ".jpeg": "a picture", ".gif": "a picture", ".tif": "a picture", ".tiff": "a picture", ".webp": "a picture",
}  # fmt: skip

SIGNATURES = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"\x89PNG\r\n\x1a\n", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"II*\x00", "a picture"),
    (b"MM\x00*", "a picture"),
    (b"\x1f\x8b", "a compressed file"),
    (b"7z\xbc\xaf\x27\x1c", "an archive"),
    (b"Rar!\x1a\x07", "an archive"),
    (b"{\\rtf", "a rich text file"),
    (b"%!PS", "a PostScript file"),
    (b"SQLite format 3\x00", "a database"),
)
ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
TEXT_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
SNIFFED_BYTES = 65536
# Bytes that no single-byte text holds: controls other than tab, line ends, form feed and escape.
CONTROLS = bytes(set(range(32)) - {9, 10, 11, 12, 13, 27})
MOST_CONTROLS = 0.02


def detect_kind(content: bytes, filename: str) -> Kind:
    """The file's kind. Raises UnreadableDocument: empty, password, unsupported, or wrong name."""
    if not content.strip(b"\x00\t\n\x0b\x0c\r \xef\xbb\xbf\xff\xfe"):
        raise UnreadableDocument(Reason.EMPTY)
    ending = PurePosixPath(filename.lower()).suffix
    claimed = ENDINGS.get(ending)
    foreign = FOREIGN_ENDINGS.get(ending)
    found = _find_kind(content, claimed)
    if isinstance(found, Kind):
        if claimed and claimed is not found and not (claimed.text and found.text):
            raise UnreadableDocument(Reason.WRONG_NAME, claimed=claimed.label, actual=found.label)
        if foreign:
            raise UnreadableDocument(Reason.WRONG_NAME, claimed=foreign, actual=found.label)
        return found
    if claimed:
        raise UnreadableDocument(Reason.WRONG_NAME, claimed=claimed.label, actual=found)
    raise UnreadableDocument(Reason.UNSUPPORTED, actual=found)


def _find_kind(content: bytes, claimed: Kind | None) -> Kind | str:
    """A readable kind, or the label of what it is instead."""
    start = content[:SNIFFED_BYTES]
    if b"%PDF-" in start[:1024]:
        return PDF
    if start.startswith(ZIP_SIGNATURES):
        return _find_zip_kind(content)
    if start.startswith(OLE_SIGNATURE):
        return _find_ole_kind(content)
    for signature, label in SIGNATURES:
        if start.startswith(signature) and not (signature == b"MZ" and _is_text(start)):
            return label
    if not _is_text(start):
        return "a binary file of an unknown kind"
    return _find_text_kind(start, claimed)


def _find_zip_kind(content: bytes) -> Kind | str:
    for entry, kind in (
        (b"word/document", DOCX),
        (b"xl/workbook", "a spreadsheet"),
        (b"ppt/presentation", "a presentation"),
        (b"opendocument.text", "an OpenDocument text"),
        (b"epub+zip", "an e-book"),
    ):
        if entry in content:
            return kind
    return "a zip archive"


def _find_ole_kind(content: bytes) -> Kind | str:
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise UnreadableDocument(Reason.PASSWORD)
    if "WordDocument".encode("utf-16-le") in content:
        return "an old Word document (.doc)"
    return "an old Office file"


def _is_text(start: bytes) -> bool:
    if start.startswith(TEXT_MARKS) or looks_like_utf16(start) is not None:
        return True
    return len(start) - len(start.translate(None, CONTROLS)) <= len(start) * MOST_CONTROLS


def looks_like_utf16(start: bytes) -> str | None:
    """The byte order of UTF-16 without a mark: in Western text every second byte is zero."""
    even, odd = start[0:4096:2], start[1:4096:2]
    if len(odd) < 4:
        return None
    if odd.count(0) > len(odd) * 0.7 and even.count(0) < len(even) * 0.1:
        return "utf-16-le"
    if even.count(0) > len(even) * 0.7 and odd.count(0) < len(odd) * 0.1:
        return "utf-16-be"
    return None


def _find_text_kind(start: bytes, claimed: Kind | None) -> Kind:
    if claimed and claimed.text:
        return claimed
    opening = start[:4096].replace(b"\x00", b"").lower()
    if b"<!doctype html" in opening or b"<html" in opening:
        return HTML
    return PLAIN
