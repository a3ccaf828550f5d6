"""Web pages: visible text under its headings. Scripts, styles and forms' inner life are dropped; nothing is fetched."""

from collections.abc import Iterator
from itertools import groupby

from bs4 import BeautifulSoup
from bs4.element import CData, NavigableString, Tag

from webapp.knowledge.parsing.building import TextBuilder, join_cells
from webapp.knowledge.parsing.plain import decode
from webapp.knowledge.parsing.types import ParsedDocument

DROPPED = ["script", "style", "noscript", "template", "svg", "math", "iframe", "object", "head", "select", "textarea"]
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "header", "html", "li", "main", "nav", "ol", "p", "pre", "section",
    "summary", "td", "th", "tr", "table", "ul", *HEADINGS,
}  # fmt: skip
CHARSET_BYTES = 4096


def read_html(content: bytes) -> ParsedDocument:
    soup = BeautifulSoup(_decode(content), "lxml")
    builder = TextBuilder()
    if soup.title is not None:
        builder.title = soup.title.get_text()
    for tag in soup(DROPPED):
        tag.decompose()
    for row, blocks in groupby(_find_blocks(soup), key=lambda block: _find_row(block[0])):
        if row is not None:
            builder.add(join_cells([text for _, text in blocks]), kind="table")
            continue
        for tag, text in blocks:
            if tag.name in HEADINGS:
                builder.add_heading(text, HEADINGS[tag.name])
            elif tag.name == "pre":
                builder.add(text, kind="code")
            elif tag.name == "li":
                builder.add(f"- {' '.join(text.split())}" if text.strip() else "", kind="list")
            else:
                builder.add("\n".join(" ".join(line.split()) for line in text.split("\x01")))
    return builder.finish()


def _decode(content: bytes) -> str:
    """As the page itself declares near its start, otherwise as plain text is decoded."""
    declared = BeautifulSoup(content[:CHARSET_BYTES], "lxml").find("meta", charset=True)
    if isinstance(declared, Tag) and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode(str(declared["charset"]))
        except (LookupError, UnicodeDecodeError, ValueError):
            pass
    return decode(content)


def _find_blocks(soup: BeautifulSoup) -> Iterator[tuple[Tag, str]]:
    """Each run of text with the innermost block it stands in; a line break within it is ``\\x01``."""
    strings = (
        (block, "\x01" if isinstance(node, Tag) else str(node))
        for node in soup.descendants
        if _is_text(node) and (block := _find_block(node)) is not None
    )
    for _, run in groupby(strings, key=lambda pair: id(pair[0])):
        pairs = list(run)
        text = "".join(text for _, text in pairs)
        if text.strip(" \t\r\n\x01"):
            block = pairs[0][0]
            yield block, text.replace("\x01", "\n") if block.name == "pre" else text


def _is_text(node: object) -> bool:
    if isinstance(node, Tag):
        return node.name == "br"
    return type(node) in (NavigableString, CData)


def _find_block(node: object) -> Tag | None:
    parents = node.parents if isinstance(node, Tag | NavigableString) else ()
    return next((parent for parent in parents if parent.name in BLOCKS), None)


def _find_row(block: Tag) -> Tag | None:
    if block.name in ("td", "th"):
        return block.find_parent("tr")
    if block.name == "p" and (cell := block.find_parent(["td", "th"])) is not None:
        return cell.find_parent("tr")
    return None
