"""An answer comes from a model that read a stranger's document: nothing in it may run, load or pretend."""

import re
from html.parser import HTMLParser

import pytest

from webapp.chat.markdown import render_answer

TITLES = {1: "Handbook", 2: 'A "quoted" <b>title</b>'}
ALLOWED_BUTTON = {"type", "class", "data-cite", "aria-label"}

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src='https://example.org'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&#x73;cript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "[x](https://example.org \"onmouseover='alert(1)'\")",
    "![x](https://example.org/pixel.png?secret=1)",
    "![x][1]\n\n[1]: https://example.org/pixel.png",
    "<https://example.org/?q=<script>>",
    "<javascript:alert(1)>",
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\ncode\n```',
    '<cite data-n="1"></cite><button onclick="alert(1)">1</button>',
    "<style>body{display:none}</style>",
    "<form action=https://example.org><input name=password></form>",
    "| a |\n|---|\n| <script>alert(1)</script> |",
    "[1]<script>alert(1)</script>[2]",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!--><script>alert(1)</script>-->",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "\x00<script>alert(1)</script>",
]


class Collector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def parse(html: str) -> list[tuple[str, dict[str, str | None]]]:
    collector = Collector()
    collector.feed(html)
    return collector.tags


@pytest.mark.parametrize("attack", ATTACKS)
def test_answer_with_an_attack_holds_nothing_active(attack: str) -> None:
    for tag, attributes in parse(render_answer(attack, TITLES)):
        assert tag not in {
            "script",
            "img",
            "svg",
            "iframe",
            "style",
            "form",
            "input",
            "object",
            "embed",
            "math",
            "link",
        }
        assert not any(name.startswith("on") or name in {"style", "src", "id"} for name in attributes)
        assert re.match(r"https?://|mailto:", attributes.get("href") or "https://")
        if tag == "button":
            assert set(attributes) == ALLOWED_BUTTON


def test_citation_of_a_source_becomes_a_button_with_its_title() -> None:
    html = render_answer("It stays here [1].", TITLES)
    assert '<button type="button" class="cite" data-cite="1" aria-label="Source 1: Handbook">1</button>' in html


def test_citation_title_is_escaped() -> None:
    assert "&lt;b&gt;title" in render_answer("See [2].", TITLES)


@pytest.mark.parametrize("text", ["[1, 2]", "[1][2]", "[1],[2]"])
def test_citations_in_groups_become_one_button_each(text: str) -> None:
    assert re.findall(r'data-cite="(\d)"', render_answer(text, TITLES)) == ["1", "2"]


def test_citation_of_an_unknown_source_stays_text() -> None:
    html = render_answer("So it says [99].", TITLES)
    assert "<button" not in html
    assert "[99]" in html


@pytest.mark.parametrize("text", ["`a[1]`", "```\na[1]\n```", "[1](https://example.org)"])
def test_brackets_in_code_and_links_are_no_citations(text: str) -> None:
    assert "<button" not in render_answer(text, TITLES)


def test_markdown_is_rendered() -> None:
    html = render_answer("**Bold**\n\n- one\n- two\n\n> quoted [1]\n\n| a |\n|---|\n| b |", TITLES)
    assert {"strong", "ul", "li", "blockquote", "button", "table"} <= {tag for tag, _ in parse(html)}


def test_links_open_with_no_referrer() -> None:
    assert 'rel="noopener noreferrer nofollow"' in render_answer("[x](https://example.org)", TITLES)
