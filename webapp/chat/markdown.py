"""Turn an answer into safe HTML with its ``[n]`` as buttons.

Three fences stand behind each other: markdown-it escapes HTML, nh3 keeps an allow-list of elements and attributes, and
the page's content security policy runs nothing inline. Images are not loaded: an address could carry text out.
"""

import re
from collections.abc import Sequence

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

CITATION = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\](?![(:])")
TAGS = frozenset(
    {"p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong"}
    | {"s", "a", "table", "thead", "tbody", "tr", "th", "td", "cite"}
)
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "cite": {"data-n"}}
SCHEMES = {"http", "https", "mailto"}
_CITE = re.compile(r'<cite data-n="(\d{1,3})"></cite>')


def _citation_rule(state: StateInline, silent: bool) -> bool:
    match = CITATION.match(state.src, state.pos) if state.src[state.pos] == "[" else None
    if match is None:
        return False
    if not silent:
        for number in match.group(1).split(","):
            token = state.push("citation", "cite", 0)
            token.content = number.strip()
    state.pos = match.end()
    return True


def _render_citation(_renderer: object, tokens: Sequence[Token], index: int, *_rest: object) -> str:
    return f'<cite data-n="{int(tokens[index].content)}"></cite>'


def _build_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable(["image"])
    parser.inline.ruler.before("link", "citation", _citation_rule)
    parser.add_render_rule("citation", _render_citation)
    return parser


_PARSER = _build_parser()


def render_answer(text: str, titles: dict[int, str]) -> SafeString:
    """HTML for an answer in Markdown. ``titles`` holds the sources that exist: any other number stays plain text."""
    clean = nh3.clean(
        _PARSER.render(text),
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(_CITE.sub(lambda match: _button(int(match.group(1)), titles), clean))  # noqa: S308 - cleaned above


def _button(number: int, titles: dict[int, str]) -> str:
    if number not in titles:
        return escape(f"[{number}]")
    label = _("Source %(number)d: %(title)s") % {"number": number, "title": titles[number]}
    return format_html(
        '<button type="button" class="cite" data-cite="{}" aria-label="{}">{}</button>', number, label, number
    )
