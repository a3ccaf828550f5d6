"""``{% answer run %}`` and small formats."""

import json
from collections.abc import Mapping

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.agents.types import CitationInfo, RunInfo
from webapp.chat.markdown import render_answer

register = template.Library()


@register.simple_tag
def answer(run: RunInfo) -> SafeString:
    """The answer as safe HTML, its citations as buttons."""
    return render_answer(run.answer, {source.n: source.title for source in run.citations})


@register.filter
def seconds(milliseconds: int | None) -> str:
    """``4213`` as ``4.2 s``."""
    return "" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


@register.simple_tag
def tokens(run: RunInfo) -> str:
    """The engine's own counts, or nothing where it gave none."""
    if run.input_tokens is None or run.output_tokens is None:
        return ""
    return _("%(input)d tokens read, %(output)d written") % {"input": run.input_tokens, "output": run.output_tokens}


@register.filter
def pages(source: CitationInfo) -> str:
    """``Page 3`` or ``Pages 3 to 4``; nothing for a document without pages."""
    if source.page_start is None:
        return ""
    if source.page_end is None or source.page_end == source.page_start:
        return _("Page %(page)d") % {"page": source.page_start}
    return _("Pages %(first)d to %(last)d") % {"first": source.page_start, "last": source.page_end}


@register.filter
def document_count(count: int) -> str:
    return ngettext("%(count)d document", "%(count)d documents", count) % {"count": count}


@register.filter(name="json")
def as_json(value: Mapping[str, str]) -> str:
    """For a data attribute; the template escapes it."""
    return json.dumps(value, ensure_ascii=False)
