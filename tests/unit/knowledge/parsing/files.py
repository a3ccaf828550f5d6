"""Small files of every kind, made by the libraries that people's programs resemble."""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence

from docx import Document
from docx.document import Document as DocumentObject
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas


def make_pdf(pages: Sequence[Sequence[str]], *, password: str = "") -> bytes:
    """One list of lines for each page; an empty one gives a page with a drawing only."""
    stream = io.BytesIO()
    canvas = Canvas(stream, encrypt=StandardEncryption(password, canPrint=1) if password else None)
    for lines in pages:
        canvas.rect(20, 20, 50, 50)
        for number, line in enumerate(lines):
            canvas.drawString(72, 760 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def make_docx(fill: "DocumentObject | None" = None) -> bytes:
    document = fill or Document()
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def make_zip(entries: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def make_bomb(megabytes: int) -> bytes:
    """A Word document whose main part is mostly zeros."""
    return make_zip({"[Content_Types].xml": b"<Types/>", "word/document.xml": bytes(megabytes * 2**20)})


def make_encrypted_office() -> bytes:
    """The start of what Office writes for a document with a password: not a zip, but an OLE container."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(100)


def make_png() -> bytes:
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0\0\0\0")), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
