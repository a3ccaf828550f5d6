"""Markdown: the text a reader sees, under its headings."""

import re
from collections.abc import Sequence

from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from markdown_it.token import Token

from webapp.knowledge.parsing.building import TextBuilder, join_cells
from webapp.knowledge.parsing.plain import decode
from webapp.knowledge.parsing.types import ParsedDocument

FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*\n", re.DOTALL)


def read_markdown(content: bytes) -> ParsedDocument:
    """The first heading of level 1 is the title."""
    text = decode(content).replace("\r\n", "\n")
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(FRONT_MATTER.sub("", text))
    builder = TextBuilder()
    level = 0
    items = 0
    cells: list[str] | None = None
    for token in tokens:
        match token.type:
            case "heading_open":
                level = int(token.tag[1:])
            case "heading_close":
                level = 0
            case "list_item_open":
                items += 1
            case "list_item_close":
                items -= 1
            case "tr_open":
                cells = []
            case "tr_close":
                builder.add(join_cells(cells or []), kind="table")
                cells = None
            case "fence" | "code_block":
                builder.add(token.content, kind="code")
            case "html_block":
                builder.add(BeautifulSoup(token.content, "lxml").get_text(" "))
            case "inline":
                line = read_inline(token.children or [])
                if cells is not None:
                    cells.append(line)
                elif level:
                    if level == 1 and not builder.title:
                        builder.title = line
                    builder.add_heading(line, level)
                else:
                    builder.add(f"- {line}" if items else line, kind="list" if items else "text")
    return builder.finish()


def read_inline(tokens: Sequence[Token]) -> str:
    """Words without their markup; a picture gives its alternative text."""
    parts = []
    for token in tokens:
        match token.type:
            case "text" | "code_inline":
                parts.append(token.content)
            case "softbreak":
                parts.append(" ")
            case "hardbreak":
                parts.append("\n")
            case "image":
                parts.append(read_inline(token.children or []))
    return "".join(parts)
