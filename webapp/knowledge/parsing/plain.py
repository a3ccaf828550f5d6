"""Plain text: find its encoding, cut it at blank lines."""

import re

from charset_normalizer import from_bytes

from webapp.knowledge.parsing.building import TextBuilder
from webapp.knowledge.parsing.detection import looks_like_utf16
from webapp.knowledge.parsing.types import ParsedDocument

SAMPLE_BYTES = 65536
MOST_FOREIGN = 0.3  # Western European languages have a few accented letters in a hundred
PARAGRAPH = re.compile(r"\n[ \t]*\n")


def read_plain(content: bytes) -> ParsedDocument:
    builder = TextBuilder()
    for paragraph in PARAGRAPH.split(decode(content).replace("\r\n", "\n").replace("\r", "\n")):
        builder.add(paragraph)
    return builder.finish()


def decode(content: bytes) -> str:
    """Text in the encoding a mark names, else UTF-8, else a guess: Western European unless much is not ASCII."""
    if content.startswith(b"\xef\xbb\xbf"):
        return content[3:].decode("utf-8", "replace")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    if (order := looks_like_utf16(content)) is not None:
        return content.decode(order, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    sample = content[:SAMPLE_BYTES]
    if sum(byte > 127 for byte in sample) > len(sample) * MOST_FOREIGN:
        best = from_bytes(sample).best()
        if best is not None:
            return content.decode(best.encoding, "replace")
    return content.decode("cp1252", "replace")
